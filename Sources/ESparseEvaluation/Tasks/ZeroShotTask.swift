// The description of a zero-shot task, and the list of known tasks.

import ESparseFormats

/// A figure that a task is scored by.
public enum TaskMetric: String, Sendable {
    /// Share of items whose likeliest choice is the right one; for a cloze task, whose continuation is greedy.
    case accuracy = "acc"
    /// The same with each log-likelihood divided by the choice's characters.
    case normalizedAccuracy = "acc_norm"
    /// `exp` of the mean negative log-likelihood of the continuations.
    case perplexity

    /// Whether more is better.
    public var isHigherBetter: Bool { self != .perplexity }
}

/// A zero-shot task: how an item of its data set is asked, and by what it is scored.
///
/// Prompts are those of lm-eval 0.4's task of the same name, without examples and without a chat format.
public struct ZeroShotTask: Sendable {
    /// lm-eval's name of the task, or the user's.
    public let name: String
    /// What it is scored by, in lm-eval's order.
    public let metrics: [TaskMetric]
    /// Version of lm-eval's task whose prompts these are; nil for a task of the user's own.
    public let version: Double?
    /// Other names of the task, and names of its file without extension, as the data set is distributed.
    package let otherNames: [String]
    /// Makes an item of a record of the data set's own format.
    let item: @Sendable (TaskRecord) throws -> TaskItem

    /// The tasks whose formats are known.
    public static let known: [ZeroShotTask] = [
        .arcEasy, .arcChallenge, .hellaSwag, .winoGrande, .boolQ, .openBookQA, .piqa, .rte, .superGLUERTE,
        .lambadaOpenAI, .lambadaStandard,
    ]

    /// The task of this name, ignoring letter case; nil where it is not known.
    public static func known(named name: String) -> ZeroShotTask? {
        let name = name.lowercased()
        return known.first { task in ([task.name] + task.otherNames).contains { $0.lowercased() == name } }
    }

    /// A multiple-choice task of the user's own, whose items are prepared.
    ///
    /// - Throws: `EvaluationError.invalidTaskName` where the name could not be part of a file's name.
    public static func custom(named name: String) throws -> ZeroShotTask {
        let allowed = name.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "-" || $0 == "_" || $0 == "."
        }
        guard !name.isEmpty, allowed, !name.hasPrefix(".") else { throw EvaluationError.invalidTaskName(name) }
        return ZeroShotTask(
            name: name, metrics: [.accuracy, .normalizedAccuracy], version: nil, otherNames: [],
            item: { try PreparedItem.item($0, isCloze: false) })
    }

    /// Reads a file of this task: records of the data set's own format, or prepared ones.
    ///
    /// - Throws: `FileError`; `FormatError` naming file and line; `EvaluationError.labelCount`.
    public func items(_ path: String) throws -> [TaskItem] {
        try TaskFile.records(path).map { record in
            guard PreparedItem.matches(record) else { return try item(record) }
            return try PreparedItem.item(record, isCloze: metrics.contains(.perplexity))
        }
    }
}
