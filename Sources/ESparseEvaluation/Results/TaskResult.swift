// The figures of a task that has run, without its items and answers.

import ESparseFormats

/// The figures of a task.
public struct TaskResult: Sendable, Equatable {
    /// The task.
    public let name: String
    /// Version of lm-eval's task; nil for a task of the user's own.
    public let version: Double?
    /// The file.
    public let path: String
    /// The figures, in the order of the task's metrics.
    public let scores: [TaskScore]
    /// Items that were asked.
    public let itemCount: Int
    /// Items of the whole file.
    public let fileItemCount: Int
    /// Tokens that the model was run on.
    public let tokens: TokenCounts
    /// Wall time of the forward passes in seconds.
    public let seconds: Double

    /// Puts a result together.
    public init(
        name: String, version: Double?, path: String, scores: [TaskScore], itemCount: Int, fileItemCount: Int,
        tokens: TokenCounts, seconds: Double
    ) {
        self.name = name
        self.version = version
        self.path = path
        self.scores = scores
        self.itemCount = itemCount
        self.fileItemCount = fileItemCount
        self.tokens = tokens
        self.seconds = seconds
    }

    /// Keeps the figures of an evaluation.
    public init(_ evaluation: TaskEvaluation) {
        name = evaluation.source.task.name
        version = evaluation.source.task.version
        path = evaluation.source.path
        scores = evaluation.scores
        itemCount = evaluation.items.count
        fileItemCount = evaluation.fileItemCount
        tokens = evaluation.tokens
        seconds = evaluation.seconds
    }

    /// The figure of a metric, where the task has it.
    public func score(_ metric: TaskMetric) -> TaskScore? { scores.first { $0.metric == metric } }

    /// Under `results` of the report.
    var results: JSONValue { scoreObject(scores, alias: name) }

    /// Under `configs` of the report.
    var configuration: JSONValue {
        object([
            ("task", .text(name)), ("file", .text(path)), ("tokens_computed", .integer(tokens.computed)),
            ("tokens_without_sharing", .integer(tokens.separately)),
        ])
    }

    /// Under `n-samples` of the report.
    var sampleCounts: JSONValue {
        object([("original", .integer(fileItemCount)), ("effective", .integer(itemCount))])
    }
}
