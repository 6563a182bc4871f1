// Perplexities and accuracies, read from what `esparse evaluate` wrote.

import ESparseFormats

/// An evaluation's figures.
struct Evaluation: Sendable, Encodable {
    /// One task.
    struct Task: Sendable, Encodable {
        let name: String
        let items: Int
        let accuracy: Double
        let standardError: Double?

        enum CodingKeys: String, CodingKey {
            case name, items, accuracy
            case standardError = "standard_error"
        }
    }

    /// Token perplexity; nil where there was no text.
    let perplexity: Double?
    let sequenceLength: Int?
    let windows: Int?
    /// In the order in which they were given.
    let tasks: [Task]
    /// Mean accuracy of the tasks, and its standard error with the tasks taken as independent.
    let mean: Double?
    let meanError: Double?

    enum CodingKeys: String, CodingKey {
        case perplexity, windows, tasks
        case sequenceLength = "sequence_length"
        case mean = "mean_accuracy"
        case meanError = "mean_accuracy_standard_error"
    }

    /// Reads the evaluation of a record.
    ///
    /// - Throws: `ReproductionError.noResult` where figures are missing.
    init(_ record: ExperimentRecord, taskNames: [String]) throws {
        guard let step = record.steps.first(where: { $0.arguments.first == "evaluate" }),
            let results = step.result["results"]?.members
        else { throw ReproductionError.noResult(command: "esparse evaluate", reason: "there are no results") }
        let text = results.first { $0.value["token_perplexity,none"] != nil }
        perplexity = text?.value["token_perplexity,none"]?.double
        sequenceLength = text == nil ? nil : step.result["config"]?["sequence_length"]?.integer
        windows = text == nil ? nil : step.result["config"]?["windows"]?.integer
        tasks = try taskNames.map { name in
            guard let figures = step.result["results"]?[name], let accuracy = figures["acc,none"]?.double else {
                throw ReproductionError.noResult(
                    command: ReportContext.commandLine(step.arguments), reason: "task \(name) has no accuracy")
            }
            return Task(
                name: name, items: step.result["n-samples"]?[name]?["effective"]?.integer ?? 0, accuracy: accuracy,
                standardError: figures["acc_stderr,none"]?.double)
        }
        let mean = step.result["groups"]?["mean"]
        self.mean = mean?["acc,none"]?.double ?? tasks.first?.accuracy
        meanError = mean?["acc_stderr,none"]?.double ?? tasks.first?.standardError
    }
}

/// A row of the main table.
struct MainRow: Sendable, Encodable {
    /// "dense", or the compared method's name.
    let method: String
    let title: String
    /// Nil for the dense model.
    let pattern: String?
    let evaluation: Evaluation

    /// Which method; nil for the dense model.
    var compared: ComparedMethod? { ComparedMethod(rawValue: method) }

    static func rows(_ records: [String: ExperimentRecord], taskNames: [String]) throws -> [MainRow] {
        var rows: [MainRow] = []
        if let record = records["main-dense"] {
            rows.append(
                MainRow(
                    method: "dense", title: "dense", pattern: nil,
                    evaluation: try Evaluation(record, taskNames: taskNames)))
        }
        for pattern in ComparedMethod.patterns {
            for method in ComparedMethod.allCases {
                guard let record = records[method.id(pattern: pattern)] else { continue }
                rows.append(
                    MainRow(
                        method: method.rawValue, title: method.title, pattern: pattern,
                        evaluation: try Evaluation(record, taskNames: method.answersTasks ? taskNames : [])))
            }
        }
        return rows
    }
}

/// A cell of the ablation.
struct AblationCell: Sendable, Encodable {
    let score: String
    let shuffle: String
    let perplexity: Double

    static func cells(_ records: [String: ExperimentRecord]) throws -> [AblationCell] {
        try AblationScore.allCases.flatMap { score in
            try AblationScore.shuffles.compactMap { shuffle in
                guard let record = records[score.id(shuffle: shuffle)],
                    let perplexity = try Evaluation(record, taskNames: []).perplexity
                else { return nil }
                return AblationCell(score: score.rawValue, shuffle: shuffle, perplexity: perplexity)
            }
        }
    }
}

/// A row of the sensitivity tables.
struct SensitivityRow: Sendable, Encodable {
    let setting: String
    let value: String
    let perplexity: Double
    let isReference: Bool
    let experiment: String

    enum CodingKeys: String, CodingKey {
        case setting, value, perplexity, experiment
        case isReference = "is_reference"
    }

    static func rows(
        _ records: [String: ExperimentRecord], settings: ReproductionSettings
    ) throws -> [SensitivityRow] {
        guard settings.groups.contains(.sensitivity) else { return [] }
        return try Variation.all(for: settings).compactMap { variation in
            guard let record = records[variation.experiment],
                let perplexity = try Evaluation(record, taskNames: []).perplexity
            else { return nil }
            return SensitivityRow(
                setting: variation.setting, value: variation.value, perplexity: perplexity,
                isReference: variation.isReference, experiment: variation.experiment)
        }
    }
}
