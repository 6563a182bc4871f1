// One run of `esparse evaluate`: tasks cut into tokens first, then texts and tasks measured one after another.

public import ESparseCore
import ESparseFormats
public import ESparseModels
public import ESparseTokenizers

/// Texts and tasks, ready to be measured on a model.
///
/// Every file is read (`EvaluationInputs`), and tasks are cut into tokens, before a model is loaded: a mistake in the last file should
/// not cost the work on the first.
public struct EvaluationPlan {
    private let texts: [(name: String, content: String)]
    private let tasks: [EncodedTask]
    private let limit: Int?
    private let tokenizer: Tokenizer

    /// How many texts there are.
    public var textCount: Int { texts.count }
    /// What the user should know before the run: items that had to be cut, a sentence a task.
    public var notes: [String] { tasks.compactMap(\.cutSentence) }

    /// Cuts tasks into tokens.
    ///
    /// - Parameters:
    ///   - inputs: texts and tasks.
    ///   - limit: the most items of each task; nil asks all.
    ///   - tokenizer: the model's tokenizer.
    ///   - architecture: the model's shape, which says how long a context it reads.
    /// - Throws: `EvaluationError.unscorable` naming file and line; `InterruptedError`.
    public init(
        _ inputs: EvaluationInputs, limit: Int?, tokenizer: Tokenizer, architecture: ModelArchitecture
    ) throws {
        texts = inputs.texts
        tasks = try inputs.tasks.map { source, items in
            try EncodedTask(source, items: items, limit: limit, tokenizer: tokenizer, architecture: architecture)
        }
        self.limit = limit
        self.tokenizer = tokenizer
    }

    /// What the figures of a run depend on besides the model and the device, by name: the inputs, as digests, and how they are cut.
    ///
    /// - Parameters:
    ///   - sequenceLength: tokens of a window of a text.
    ///   - windowLimit: the most windows of each text; nil runs all.
    public func description(sequenceLength: Int, windowLimit: Int?) -> [String: String] {
        var run: [String: String] = [:]
        for text in texts {
            run["text \(text.name)"] = InputDigest.of(Array(text.content.utf8))
            run["sequence length"] = "\(sequenceLength)"
            run["windows"] = windowLimit.map(String.init) ?? "all"
        }
        for task in tasks {
            let tokens = task.requests.flatMap { item in
                [Int32(item.count)] + item.flatMap { [Int32($0.inputs.count)] + $0.inputs + $0.targets }
            }
            run["task \(task.source.task.name)"] = InputDigest.of(
                tokens.flatMap { token in (0..<4).map { UInt8(truncatingIfNeeded: token >> (8 * Int32($0))) } })
        }
        return run
    }

    /// Measures everything.
    ///
    /// - Parameters:
    ///   - model: the model to measure.
    ///   - name: the model's name in the report.
    ///   - precision: the arithmetic's name in the report.
    ///   - sequenceLength: tokens of a window of a text.
    ///   - windowLimit: the most windows of each text; nil runs all.
    ///   - journal: keeps what was measured, and has what an earlier run measured.
    ///   - samplesFolder: where each task's samples go, which must exist; nil writes none.
    ///   - progress: is told how far the run is.
    ///   - onText: receives each text's result as soon as there is one.
    /// - Throws: `EvaluationError`; `ModelError`; `FileError`; `InterruptedError`; the backend's error.
    public func run<B: Backend>(
        on model: LanguageModel<B>, name: String, precision: String, sequenceLength: Int, windowLimit: Int?,
        journal: EvaluationJournal, samplesFolder: String?, progress: any ProgressReporter, onText: (TextResult) -> Void
    ) throws -> EvaluationReport {
        let textResults = try texts.map { text in
            let result = try Perplexity.measure(
                model, tokenizer: tokenizer, text: text.content, name: text.name, sequenceLength: sequenceLength,
                windowLimit: windowLimit, journal: journal, progress: progress)
            onText(result)
            return result
        }
        let taskResults = try tasks.map { task in
            let evaluation = try TaskEvaluation.run(task, model: model, journal: journal, progress: progress)
            if let samplesFolder { try evaluation.writeSamples(to: samplesFolder) }
            return TaskResult(evaluation)
        }
        return EvaluationReport(
            model: name, precision: precision, limit: limit, texts: textResults, tasks: taskResults)
    }
}
