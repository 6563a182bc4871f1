// The text that a model writes to be calibrated on.

public import ESparseCore
import ESparseModels

extension OpenedModel {
    /// Loads the model and lets it write documents of more than `tokenCount` tokens in all, separators counted; plainly sampled.
    ///
    /// - Parameters:
    ///   - tokenCount: tokens wanted in all.
    ///   - maximumLength: the most tokens of a document.
    ///   - seed: seed of all draws.
    ///   - backend: where the model runs.
    ///   - progress: is told how many tokens are drawn.
    /// - Throws: as `load` and `LanguageModel.sampleDocuments`.
    public func writeDocuments(
        tokenCount: Int, maximumLength: Int, seed: UInt64, on backend: some Backend, progress: any ProgressReporter
    ) throws -> [[Int32]] {
        try load(onto: backend, progress: progress).sampleDocuments(
            tokenCount: tokenCount, isSeparated: endToken != nil, maximumLength: maximumLength,
            batchSize: architecture.cacheDescription(sequenceCount: 1, capacity: maximumLength).sideBySideCount,
            sampling: SamplingSettings(temperature: 1), stopTokens: Set(architecture.endTokens), seed: seed,
            progress: progress)
    }
}
