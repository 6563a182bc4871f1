// Measures perplexity: runs windows of a text's tokens through a model.

public import ESparseCore
public import ESparseModels
public import ESparseTokenizers

/// Perplexity by the field's convention; see `PerplexityResult`.
public enum Perplexity {
    /// Tokens run together where windows are shorter than this, so that the linears have enough to do.
    private static let tokensPerPass = 2048

    /// Runs consecutive windows of `sequenceLength` tokens, the first `windowLimit` of them or all. Windows that `journal` has are
    /// not run again.
    ///
    /// - Throws: `EvaluationError`; `ModelError` when the model has fewer positions; `InterruptedError`.
    public static func measure<B: Backend>(
        _ model: LanguageModel<B>, tokens: [Int32], sequenceLength: Int, windowLimit: Int? = nil,
        stage: String = "Evaluating", journal: EvaluationJournal = EvaluationJournal(),
        progress: any ProgressReporter = SilentProgress()
    ) throws -> PerplexityResult {
        precondition(sequenceLength > 1 && windowLimit.map { $0 > 0 } ?? true)
        let windowCount = min(tokens.count / sequenceLength, windowLimit ?? .max)
        guard windowCount > 0 else {
            throw EvaluationError.tooLittleText(tokens: tokens.count, sequenceLength: sequenceLength)
        }
        let batchSize = min(max(tokensPerPass / sequenceLength, 1), windowCount)
        var cache = try model.makeCache(sequenceCount: batchSize, capacity: sequenceLength)
        var sum = 0.0
        var seconds = 0.0
        for (batch, first) in stride(from: 0, to: windowCount, by: batchSize).enumerated() {
            progress.report(stage: stage, completed: first, total: windowCount, unit: "windows")
            let windows = first..<min(first + batchSize, windowCount)
            let figures = try journal.figures(of: stage, batch: batch, count: windows.count + 1) {
                let start = ContinuousClock.now
                let losses = try model.negativeLogLikelihoods(
                    of: windows.map { Array(tokens[($0 * sequenceLength)..<(($0 + 1) * sequenceLength)]) },
                    cache: &cache)
                let means = losses.map { $0.reduce(0, +) / Double($0.count) }
                if let offset = means.firstIndex(where: { !$0.isFinite }) {
                    throw EvaluationError.notFinite(window: first + offset)
                }
                return means + [(ContinuousClock.now - start) / .seconds(1)]
            }
            guard figures.allSatisfy(\.isFinite) else { throw journal.damaged() }
            sum = figures.dropLast().reduce(sum, +)
            seconds += figures[windows.count]
        }
        progress.report(stage: stage, completed: windowCount, total: windowCount, unit: "windows")
        return PerplexityResult(
            tokenCount: tokens.count, windowCount: windowCount, sequenceLength: sequenceLength,
            meanNegativeLogLikelihood: sum / Double(windowCount), seconds: seconds)
    }

    /// Tokenizes a text without special tokens and runs it as `measure(_:tokens:sequenceLength:windowLimit:stage:journal:progress:)`
    /// does.
    ///
    /// - Throws: as that function.
    public static func measure<B: Backend>(
        _ model: LanguageModel<B>, tokenizer: Tokenizer, text: String, name: String, sequenceLength: Int,
        windowLimit: Int? = nil, journal: EvaluationJournal = EvaluationJournal(),
        progress: any ProgressReporter = SilentProgress()
    ) throws -> TextResult {
        let tokens = tokenizer.encode(text, addSpecialTokens: false)
        let result = try measure(
            model, tokens: tokens, sequenceLength: sequenceLength, windowLimit: windowLimit,
            stage: "Evaluating \(name)", journal: journal, progress: progress)
        let read = tokenizer.decode(Array(tokens.prefix(result.windowCount * sequenceLength)))
        return TextResult(
            name: name, perplexity: result, byteCount: read.utf8.count, wordCount: read.wordCountAsPython)
    }
}
