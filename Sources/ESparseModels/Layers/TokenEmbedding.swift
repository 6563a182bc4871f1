// From token ids to the residual stream.

package import ESparseCore

/// A model's token table, positions and input projection as data.
package struct EmbeddingDescription: Sendable {
    /// Learned positions (OPT).
    package struct Positions: Sendable {
        /// Name of the table `[rows, D]`.
        package let name: String
        /// Rows of the table; position p is row `p + offset`.
        package let rows: Int
        /// Rows before that of position 0.
        package let offset: Int
    }

    /// Name of the token table `[V, channels]`.
    package internal(set) var name: String
    /// V: rows of the token table.
    package let vocabularySize: Int
    /// Channels of a token's row.
    package let channels: Int
    /// D: channels of the residual stream.
    package let hiddenSize: Int
    /// From the table's channels to the hidden size, where they differ.
    package let projection: LinearDescription?
    /// The table of positions, for models without rotary positions.
    package let positions: Positions?
    /// Multiplies the rows of tokens, rounded to the table's element type as transformers does (Gemma); 1 for most.
    package let scale: Float

    /// Tables and projection, in order of data flow.
    package var tensors: [TensorDescription] {
        [TensorDescription(name: name, shape: tableShape, role: .embedding)]
            + (positions.map { [TensorDescription(name: $0.name, shape: [$0.rows, hiddenSize], role: .embedding)] }
                ?? [])
            + (projection?.tensors ?? [])
    }

    private var tableShape: [Int] { [vocabularySize, channels] }

    /// Loads the tables and the projection.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    func load<B: Backend>(
        positionLimit: Int?, from reader: WeightReader, onto backend: B
    ) throws -> TokenEmbedding<B> {
        let positions = try self.positions.map { positions in
            let table = try reader.tensor(positions.name, shape: [positions.rows, hiddenSize])
            return (table: try backend.prepareEmbedding(table, scale: 1), offset: positions.offset)
        }
        let table = try reader.tensor(name, shape: tableShape)
        return TokenEmbedding(
            backend: backend, vocabularySize: vocabularySize, positionLimit: positionLimit,
            table: try backend.prepareEmbedding(table, scale: rounded(scale, to: table.elementType)),
            projection: try projection.map { try backend.prepare($0, reader) },
            positions: positions)
    }
}

/// A number as an element type holds it.
private func rounded(_ value: Float, to type: ElementType) -> Float {
    switch type {
    case .bfloat16: BFloat16(value).float
    case .float16: Float(Float16(value))
    case .float32, .uint8, .int32, .int64: value
    }
}

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
    /// - Throws: as `check`; the backend's error.
    package func embed(_ tokens: [Int32], batch: TokenBatch) throws -> B.Activation {
        try check(tokens, batch: batch)
        var hidden = try backend.embed(tokens, in: table)
        if let projection { hidden = try backend.multiply(hidden, by: projection) }
        if let positions {
            try backend.addPositions(of: batch, offset: positions.offset, from: positions.table, to: &hidden)
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
        try embedding.load(positionLimit: positionLimit, from: WeightReader(weights), onto: backend)
    }
}
