// A small model for checks of decoding: embeddings, one attention, one 2:4 linear, a head.

package import ESparseCore
import ESparseReference

/// Random weights, the same on every backend.
package struct DecodingModel<B: Backend> {
    private let backend: B
    private let table: B.PreparedEmbedding
    private let positions: B.PreparedEmbedding
    private let normalization: B.PreparedNormalization
    private let query: B.PreparedLinear
    private let key: B.PreparedLinear
    private let value: B.PreparedLinear
    private let attention: B.PreparedAttention
    private let output: B.PreparedLinear
    private let head: B.PreparedLinear

    /// V: tokens of the vocabulary.
    package static var vocabularySize: Int { 61 }
    private static var channels: Int { 64 }
    private static var headSize: Int { 16 }
    private static var keyValueHeadCount: Int { 2 }
    private static var positionCount: Int { 640 }

    /// Prepares the weights.
    ///
    /// - Throws: the backend's error.
    package init(backend: B) throws {
        var numbers = NumberSource(71)
        let (channels, heads) = (Self.channels, Self.channels / Self.headSize)
        func linear(_ rows: Int, _ columns: Int) throws -> B.PreparedLinear {
            let weight = LinearWeight(matrix: .dense(try numbers.tensor([rows, columns], deviation: 0.2)))
            return try backend.prepareLinear(weight, bias: nil)
        }
        self.backend = backend
        table = try backend.prepareEmbedding(numbers.tensor([Self.vocabularySize, channels], type: .bfloat16))
        positions = try backend.prepareEmbedding(numbers.tensor([Self.positionCount + 2, channels], deviation: 0.3))
        normalization = try backend.prepareNormalization(
            .rootMeanSquare, size: channels, weight: nil, bias: nil, epsilon: 1e-5, permutation: nil)
        query = try linear(channels, channels)
        key = try linear(Self.keyValueHeadCount * Self.headSize, channels)
        value = try linear(Self.keyValueHeadCount * Self.headSize, channels)
        attention = try backend.prepareAttention(
            AttentionDescription(
                headCount: heads, keyValueHeadCount: Self.keyValueHeadCount, headSize: Self.headSize, scale: 0.25,
                rotaryFrequencies: (0..<Self.headSize / 2).map { 1 / Float(1 << $0) },
                outputPermutation: numbers.permutation(channels)))
        let sparse = try numbers.sparseMatrix(rows: channels, columns: channels, pattern: .twoOfFour)
        output = try backend.prepareLinear(LinearWeight(matrix: .sparse(sparse)), bias: nil)
        head = try linear(Self.vocabularySize, channels)
    }

    /// An empty cache.
    ///
    /// - Throws: the backend's error.
    package func makeCache(sequenceCount: Int, capacity: Int) throws -> B.KeyValueCache {
        precondition(capacity <= Self.positionCount)
        return try backend.makeCache(
            CacheDescription(
                layerCount: 1, sequenceCount: sequenceCount, capacity: capacity,
                keyValueHeadCount: Self.keyValueHeadCount, headSize: Self.headSize))
    }

    /// Logits `[T, V]` of all tokens of a batch.
    ///
    /// - Throws: the backend's error.
    package func logits(_ tokens: [Int32], batch: TokenBatch, cache: inout B.KeyValueCache) throws -> B.Activation {
        var hidden = try backend.embed(tokens, in: table)
        try backend.addPositions(of: batch, offset: 2, from: positions, to: &hidden)
        let input = try backend.normalize(hidden, with: normalization)
        let attended = try backend.attend(
            query: backend.multiply(input, by: query), key: backend.multiply(input, by: key),
            value: backend.multiply(input, by: value), batch: batch, layer: 0, with: attention, cache: &cache)
        try backend.multiply(attended, by: output, addingTo: &hidden)
        return try backend.logits(backend.normalize(hidden, with: normalization), by: head)
    }
}
