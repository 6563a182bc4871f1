// A model's own text, written from its beginning-of-sequence token: calibration data where no other is given.

public import ESparseCore

extension Generator {
    /// Draws documents until they hold more than `tokenCount` tokens, counting one separator for each that is not empty.
    ///
    /// Document `i` starts from the beginning-of-sequence token and draws from random stream `i`, and the result is
    /// documents `0, 1, 2, ...` up to the first that completes the count: it does not depend on `batchSize`.
    /// The beginning token and the stop token are not part of a document.
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
        func size(_ count: Int) -> Int { count == 0 ? 0 : count + (isSeparated ? 1 : 0) }
        var finished: [Int: [Int32]] = [:]
        var documents: [[Int32]] = []
        var collected = 0
        var ahead = 0
        var drawn = 0
        progress.report(stage: stage, completed: 0, total: tokenCount, unit: "tokens")
        try run(
            slotCount: batchSize, capacity: length,
            nextRequest: { running in
                guard collected + ahead + running < wanted, documents.count < mostDocuments else { return nil }
                return GenerationRequest(prompt: [begin], maximumTokens: length)
            },
            onToken: { _, _ in
                drawn += 1
                if drawn % 1024 == 0 {
                    progress.report(
                        stage: stage, completed: min(drawn, tokenCount - 1), total: tokenCount, unit: "tokens")
                }
                return collected < wanted
            },
            onFinish: { index, sequence in
                finished[index] = sequence.tokens
                ahead += size(sequence.tokens.count)
                while collected < wanted, let document = finished.removeValue(forKey: documents.count) {
                    documents.append(document)
                    collected += size(document.count)
                    ahead -= size(document.count)
                }
            })
        progress.report(stage: stage, completed: tokenCount, total: tokenCount, unit: "tokens")
        return documents
    }
}
