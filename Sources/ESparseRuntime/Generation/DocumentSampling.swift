// A model's own text, written from its beginning-of-sequence token: calibration data where no other is given.

public import ESparseCore
public import ESparseModels

extension LanguageModel {
    /// Draws documents until they hold more than `tokenCount` tokens, counting one separator for each that is not empty.
    ///
    /// Document `i` starts from the beginning-of-sequence token and draws from random stream `i`. As soon as all of them
    /// together are enough, those that are still being written are cut where they are. The beginning token and the stop token
    /// are not part of a document. The same arguments give the same documents; another `batchSize` cuts elsewhere.
    ///
    /// - Parameters:
    ///   - tokenCount: tokens wanted in all.
    ///   - isSeparated: whether a separator will stand between the documents.
    ///   - maximumLength: the most tokens of a document; cut to the positions that the model has.
    ///   - batchSize: documents written side by side.
    ///   - sampling: how each token is chosen.
    ///   - stopTokens: tokens that end a document.
    ///   - seed: seed of all random streams.
    ///   - progress: is told how many tokens are drawn.
    /// - Throws: `ModelError.noBeginToken`, `ModelError.logitsNotFinite`; `InterruptedError`; the backend's error.
    public func sampleDocuments(
        tokenCount: Int, isSeparated: Bool, maximumLength: Int, batchSize: Int, sampling: SamplingSettings,
        stopTokens: Set<Int32>, seed: UInt64, progress: any ProgressReporter = SilentProgress()
    ) throws -> [[Int32]] {
        precondition(tokenCount > 0 && maximumLength > 0 && batchSize > 0)
        guard let begin = architecture.beginToken else { throw ModelError.noBeginToken }
        let length = min(maximumLength, architecture.positionLimit ?? maximumLength)
        let stage = "Writing calibration text"
        // The last document has no separator after it, hence one more; a model that writes nothing must not go on for ever.
        let (wanted, mostDocuments) = (tokenCount + 1, 64 + 4 * tokenCount)
        var documents: [[Int32]] = []
        var drawn = 0
        progress.report(stage: stage, completed: 0, total: tokenCount, unit: "tokens")
        var batch = GenerationBatch(model: self, slotCount: batchSize)
        while drawn < wanted {
            while batch.hasFreeSlot, documents.count < mostDocuments {
                let request = GenerationRequest(
                    prompt: [begin], maximumTokens: length, sampling: sampling, stopTokens: stopTokens, seed: seed,
                    stream: UInt64(documents.count))
                guard try batch.join(request, id: documents.count) else { break }
                documents.append([])
            }
            guard !batch.isEmpty else { break }
            for (document, event) in try batch.step() {
                // All sequences draw a token in each step; those after the one that completed the count are not needed.
                guard case .token(let token) = try event.get(), drawn < wanted else { continue }
                drawn += isSeparated && documents[document].isEmpty ? 2 : 1
                documents[document].append(token)
                if documents[document].count % 16 == 0 {
                    progress.report(
                        stage: stage, completed: min(drawn, tokenCount - 1), total: tokenCount, unit: "tokens")
                }
            }
        }
        progress.report(stage: stage, completed: tokenCount, total: tokenCount, unit: "tokens")
        return documents
    }
}
