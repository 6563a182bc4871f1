// The results of one run, and how they are written as lm-eval's results JSON.

import ESparseFormats
public import FoundationEssentials

/// Everything that one run of `esparse evaluate` measured.
public struct EvaluationReport: Sendable {
    /// The model, as it was named.
    public let model: String
    /// Arithmetic.
    public let precision: String
    /// The most items of a task, where they were limited.
    public let limit: Int?
    /// Perplexities, in the order they were asked for.
    public let texts: [TextResult]
    /// Zero-shot tasks, in the order they were asked for.
    public let tasks: [TaskResult]

    /// Puts a report together; names of texts and tasks must differ.
    public init(model: String, precision: String, limit: Int?, texts: [TextResult], tasks: [TaskResult]) {
        self.model = model
        self.precision = precision
        self.limit = limit
        self.texts = texts
        self.tasks = tasks
    }

    /// Checks that no two inputs have the same name in the results.
    ///
    /// - Throws: `EvaluationError.repeatedName`.
    public static func requireDistinct(_ names: [String]) throws {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted { throw EvaluationError.repeatedName(name) }
    }

    /// The mean of a metric over the tasks that have it, each counting the same, with its standard error; nil for fewer than
    /// two such tasks. Perplexities have no mean.
    public func mean(_ metric: TaskMetric) -> TaskScore? {
        let scores = tasks.compactMap { $0.score(metric) }
        guard metric != .perplexity, scores.count > 1 else { return nil }
        let count = Double(scores.count)
        let errors = scores.compactMap(\.standardError)
        return TaskScore(
            metric: metric, value: scores.reduce(0) { $0 + $1.value } / count,
            standardError: errors.count == scores.count
                ? errors.reduce(0) { $0 + $1 * $1 }.squareRoot() / count : nil)
    }

    /// The report in lm-eval's shape: `results.<name>."acc,none"`, `"acc_stderr,none"`, `"token_perplexity,none"`;
    /// `n-samples`, `n-shot`, `versions`, `higher_is_better`; settings under `config`, those of each input under `configs`.
    /// `config` also has the sequence length, and the windows and tokens of all texts together.
    ///
    /// Standard errors that are not known are "N/A", figures too large for a number are null.
    public func json() -> Data {
        let means = [TaskMetric.accuracy, .normalizedAccuracy].compactMap(mean)
        let limit = limit.map(JSONValue.integer) ?? .null
        var report: [String: JSONValue] = [
            "results": object(texts.map { ($0.name, $0.results) } + tasks.map { ($0.name, $0.results) }),
            "configs": object(texts.map { ($0.name, $0.configuration) } + tasks.map { ($0.name, $0.configuration) }),
            "n-samples": object(texts.map { ($0.name, $0.sampleCounts) } + tasks.map { ($0.name, $0.sampleCounts) }),
            "config": object(
                [("model", .text(model)), ("precision", .text(precision)), ("limit", limit)] + textConfiguration),
        ]
        if !tasks.isEmpty {
            report["n-shot"] = object(tasks.map { ($0.name, .integer(0)) })
            report["versions"] = object(tasks.map { ($0.name, $0.version.map(JSONValue.number) ?? .text("N/A")) })
            report["higher_is_better"] = object(
                tasks.map { task in
                    (task.name, object(task.scores.map { ($0.metric.rawValue, .boolean($0.metric.isHigherBetter)) }))
                })
        }
        if !means.isEmpty { report["groups"] = object([("mean", scoreObject(means, alias: "mean"))]) }
        return Data(JSONValue.sorted(report).serialized(indented: true))
    }
}

extension EvaluationReport {
    /// Sequence length, windows and tokens of the texts; empty where there are none.
    private var textConfiguration: [(String, JSONValue)] {
        guard let first = texts.first else { return [] }
        return [
            ("sequence_length", .integer(first.perplexity.sequenceLength)),
            ("windows", .integer(texts.reduce(0) { $0 + $1.perplexity.windowCount })),
            ("tokens", .integer(texts.reduce(0) { $0 + $1.perplexity.tokenCount })),
        ]
    }
}

/// An object; its keys are sorted, and must differ.
func object(_ members: [(String, JSONValue)]) -> JSONValue {
    .sorted(Dictionary(members, uniquingKeysWith: { first, _ in first }))
}

/// Scores under lm-eval's keys.
func scoreObject(_ scores: [TaskScore], alias: String) -> JSONValue {
    object(
        [("alias", .text(alias))]
            + scores.flatMap { score in
                [
                    ("\(score.metric.rawValue),none", .number(score.value)),
                    ("\(score.metric.rawValue)_stderr,none", score.standardError.map(JSONValue.number) ?? .text("N/A")),
                ]
            })
}
