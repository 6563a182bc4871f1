// From token ids to the residual stream.

package import ESparseCore

/// A model's token table, positions and input projection on a backend.
package struct TokenEmbedding<B: Backend>: Sendable {
    let backend: B
    let vocabularySize: Int
    let positionLimit: Int?
    let table: B.PreparedEmbedding
    let projection: B.PreparedLinear?
    let positions: (table: B.PreparedEmbedding, offset: Int)?

    /// Checks that a model has these tokens and positions.
    ///
    /// - Throws: `ModelError` for a token outside the vocabulary or a position that the model does not have.
    package func check(_ tokens: [Int32], batch: TokenBatch) throws {
        precondition(tokens.count == batch.tokenCount)
        for token in tokens where token < 0 || Int(token) >= vocabularySize {
            throw ModelError.tokenOutsideVocabulary(token, vocabularySize: vocabularySize)
        }
        let needed = batch.segments.map { $0.start + $0.count }.max() ?? 0
        if let positionLimit, needed > positionLimit {
            throw ModelError.tooManyPositions(needed: needed, available: positionLimit)
        }
    }

    /// The residual stream before the first block, `[T, D]`.
    ///
    /// - Throws: as `check`.
    package func embed(_ tokens: [Int32], batch: TokenBatch) throws -> B.Activation {
        try check(tokens, batch: batch)
        var hidden = backend.embed(tokens, in: table)
        if let projection { hidden = backend.multiply(hidden, by: projection) }
        if let positions {
            backend.addPositions(of: batch, offset: positions.offset, from: positions.table, to: &hidden)
        }
        return hidden
    }
}

extension ModelArchitecture {
    /// Loads what turns tokens into hidden states.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    package func loadEmbedding<B: Backend>(from weights: any WeightSource, onto backend: B) throws -> TokenEmbedding<B>
    {
        let reader = WeightReader(weights)
        let positions = try embedding.positions.map { positions in
            let table = try reader.tensor(positions.name, shape: [positions.rows, hiddenSize])
            return (table: try backend.prepareEmbedding(table), offset: positions.offset)
        }
        let table = try reader.tensor(embedding.name, shape: [vocabularySize, embedding.channels])
        return TokenEmbedding(
            backend: backend, vocabularySize: vocabularySize, positionLimit: positionLimit,
            table: try backend.prepareEmbedding(table),
            projection: try embedding.projection.map { try backend.prepare($0, reader) },
            positions: positions)
    }
}
