// A model's own text, written from its beginning-of-sequence token: calibration data where no other is given.

public import ESparseCore

extension Generator {
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
    ///   - progress: is told how many tokens are drawn.
    /// - Throws: `ModelError.noBeginToken`; `InterruptedError`; errors of the forward pass.
    public func sampleDocuments(
        tokenCount: Int, isSeparated: Bool, maximumLength: Int, batchSize: Int,
        progress: any ProgressReporter = SilentProgress()
    ) throws -> [[Int32]] {
        precondition(tokenCount > 0 && maximumLength > 0 && batchSize > 0)
        guard let begin = beginToken else { throw ModelError.noBeginToken }
        let length = min(maximumLength, positionLimit ?? maximumLength)
        let stage = "Writing calibration text"
        // The last document has no separator after it, hence one more; a model that writes nothing must not go on for ever.
        let (wanted, mostDocuments) = (tokenCount + 1, 64 + 4 * tokenCount)
        var documents: [[Int32]] = []
        var drawn = 0
        progress.report(stage: stage, completed: 0, total: tokenCount, unit: "tokens")
        try run(
            slotCount: batchSize, capacity: length,
            nextRequest: {
                guard drawn < wanted, documents.count < mostDocuments else { return nil }
                documents.append([])
                return GenerationRequest(prompt: [begin], maximumTokens: length)
            },
            onToken: { index, token in
                // All sequences draw a token in each step; those after the one that completed the count are not needed.
                guard drawn < wanted else { return false }
                drawn += isSeparated && documents[index].isEmpty ? 2 : 1
                documents[index].append(token)
                if documents[index].count % 16 == 0 {
                    progress.report(
                        stage: stage, completed: min(drawn, tokenCount - 1), total: tokenCount, unit: "tokens")
                }
                return drawn < wanted
            })
        progress.report(stage: stage, completed: tokenCount, total: tokenCount, unit: "tokens")
        return documents
    }
}
