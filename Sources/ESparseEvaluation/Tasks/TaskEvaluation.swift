// Runs one task: tokens to answers, answers to scores.

public import ESparseCore
public import ESparseModels

/// A task's items with a model's answers.
public struct TaskEvaluation: Sendable {
    /// What was run.
    public let source: TaskSource
    /// The items that were asked.
    public let items: [TaskItem]
    /// Items of the whole file.
    public let fileItemCount: Int
    /// The model's answers, one a request of each item.
    public let answers: [[LikelihoodAnswer]]
    /// Tokens that the model was run on.
    public let tokens: TokenCounts
    /// Wall time of the forward passes in seconds.
    public let seconds: Double

    /// Asks a task's items; those that `journal` has answers of are not asked again.
    ///
    /// - Throws: `EvaluationError` naming file and line; `ModelError`; `InterruptedError`.
    public static func run<B: Backend>(
        _ task: EncodedTask, model: LanguageModel<B>, journal: EvaluationJournal = EvaluationJournal(),
        progress: any ProgressReporter = SilentProgress()
    ) throws -> TaskEvaluation {
        let (answers, tokens, seconds) = try LikelihoodScorer(model).answers(
            to: task.requests, stage: task.source.task.name, journal: journal, progress: progress)
        for (item, answers) in zip(task.items, answers) where !answers.allSatisfy(\.logLikelihood.isFinite) {
            throw EvaluationError.itemNotFinite(path: task.source.path, line: item.line)
        }
        return TaskEvaluation(
            source: task.source, items: task.items, fileItemCount: task.fileItemCount, answers: answers,
            tokens: tokens, seconds: seconds)
    }

    /// Whether a metric counts each item as right; nil for perplexity, which does not.
    public func isRight(_ metric: TaskMetric, item index: Int) -> Bool? {
        let item = items[index]
        let answers = answers[index]
        switch metric {
        case .accuracy where answers.count == 1: return answers[0].isGreedy
        case .accuracy: return Self.best(answers.map(\.logLikelihood)) == item.gold
        case .normalizedAccuracy:
            return Self.best(zip(answers, item.choiceLengths).map { $0.logLikelihood / Double($1) }) == item.gold
        case .perplexity: return nil
        }
    }

    /// The first of the largest values, as NumPy's `argmax` chooses.
    private static func best(_ values: [Double]) -> Int? {
        values.indices.max { (values[$0], $1) < (values[$1], $0) }
    }

    /// All figures of the task, in the order of its metrics.
    public var scores: [TaskScore] { source.task.metrics.map(score) }

    private func score(_ metric: TaskMetric) -> TaskScore {
        guard metric == .perplexity else {
            let values = items.indices.map { isRight(metric, item: $0) == true ? 1.0 : 0.0 }
            let mean = SampleMean(values)
            return TaskScore(metric: metric, value: mean.value, standardError: mean.standardError)
        }
        let mean = SampleMean(answers.map { -$0[0].logLikelihood })
        let perplexity = exponential(mean.value)
        return TaskScore(
            metric: metric, value: perplexity, standardError: mean.standardError.map { $0 * perplexity })
    }
}
