// A small model for checks of decoding: embeddings, one attention, one 2:4 linear, a head.

package import ESparseCore
import ESparseReference

/// Random weights, the same on every backend.
///
/// With peculiarities it scales its embeddings, normalises the heads of queries and keys, turns long sequences by other frequencies, attends
/// within a window, and caps scores and logits.
package struct DecodingModel<B: Backend> {
    private let backend: B
    private let hasPeculiarities: Bool
    private let table: B.PreparedEmbedding
    private let positions: B.PreparedEmbedding
    private let normalization: B.PreparedNormalization
    private let headNormalization: B.PreparedNormalization
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
    package init(backend: B, hasPeculiarities: Bool = false) throws {
        var numbers = NumberSource(71)
        let (channels, heads) = (Self.channels, Self.channels / Self.headSize)
        func linear(_ rows: Int, _ columns: Int) throws -> B.PreparedLinear {
            let weight = LinearWeight(matrix: .dense(try numbers.tensor([rows, columns], deviation: 0.2)))
            return try backend.prepareLinear(weight, bias: nil)
        }
        self.backend = backend
        self.hasPeculiarities = hasPeculiarities
        table = try backend.prepareEmbedding(
            numbers.tensor([Self.vocabularySize, channels], type: .bfloat16),
            scale: hasPeculiarities ? 1.7 : 1)
        positions = try backend.prepareEmbedding(
            numbers.tensor([Self.positionCount + 2, channels], deviation: 0.3), scale: 1)
        normalization = try backend.prepareNormalization(
            .rootMeanSquare, size: channels, weight: nil, bias: nil, epsilon: 1e-5, permutation: nil)
        headNormalization = try backend.prepareNormalization(
            .rootMeanSquare, size: Self.headSize, weight: numbers.tensor([Self.headSize]), bias: nil, epsilon: 1e-5,
            permutation: nil)
        query = try linear(channels, channels)
        key = try linear(Self.keyValueHeadCount * Self.headSize, channels)
        value = try linear(Self.keyValueHeadCount * Self.headSize, channels)
        attention = try backend.prepareAttention(
            AttentionDescription(
                headCount: heads, keyValueHeadCount: Self.keyValueHeadCount, headSize: Self.headSize, scale: 0.25,
                softCap: hasPeculiarities ? 2 : nil, window: hasPeculiarities ? 150 : nil,
                rotaryFrequencies: (0..<Self.headSize / 2).map { 1 / Float(1 << $0) },
                rotaryScale: hasPeculiarities ? 1.2 : 1,
                longRotary: hasPeculiarities
                    ? LongRotary(
                        frequencies: (0..<Self.headSize / 2).map { 1 / Float(3 << $0) }, afterPositions: 255) : nil,
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
        var queries = try backend.multiply(input, by: query)
        var keys = try backend.multiply(input, by: key)
        if hasPeculiarities {
            queries = try backend.normalize(queries, with: headNormalization)
            keys = try backend.normalize(keys, with: headNormalization)
        }
        let attended = try backend.attend(
            query: queries, key: keys, value: backend.multiply(input, by: value), batch: batch, layer: 0,
            with: attention, cache: &cache)
        try backend.multiply(attended, by: output, addingTo: &hidden)
        return try backend.logits(
            backend.normalize(hidden, with: normalization), by: head, softCap: hasPeculiarities ? 3 : nil)
    }
}
