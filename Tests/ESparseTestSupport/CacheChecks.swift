// What must hold of the KV cache of any backend: pieces of a prompt make a whole, copies are independent, and windows are all that is read.

package import ESparseCore
package import ESparseReference

/// Checks that the tests of every backend share.
package enum CacheChecks {
    /// Attention over a prompt of 70 tokens in two layers, in pieces of `chunks` tokens and as a whole, `[2, 70, H * S]` each.
    package static func chunkedPrefill<B: Backend>(
        on backend: B, chunks: [Int], _ scenario: ([[Int]]) -> AttentionScenario
    ) throws -> (pieces: [Float], whole: [Float]) {
        let whole = try scenario([[70]]).values(on: backend)
        let channels = whole.count / (2 * 70)
        let pieces = try scenario(chunks.map { [$0] }).values(on: backend)
        // Outputs come call by call, layer by layer: put the pieces of each layer together.
        var layers: [[Float]] = [[], []]
        var place = 0
        for count in chunks {
            for layer in 0..<2 {
                layers[layer] += pieces[place..<place + count * channels]
                place += count * channels
            }
        }
        return (layers[0] + layers[1], whole)
    }

    /// What a cache and a copy of it give when each goes on with other tokens, and what it should: with a scale of 0 every key weighs
    /// the same, so the output is the mean of the values.
    package static func copies<B: Backend>(
        on backend: B, copy: (B.KeyValueCache) throws -> B.KeyValueCache
    ) throws -> [(found: [Float], expected: [Float])] {
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 2, scale: 0, rotaryFrequencies: nil, outputPermutation: nil)
        let attention = try backend.prepareAttention(shape)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 2, keyValueHeadCount: 1, headSize: 2))
        func attend(_ values: [Float], at start: Int, _ cache: inout B.KeyValueCache) throws -> [Float] {
            let activation = try backend.activation(values, channels: 2)
            let batch = TokenBatch([.init(sequence: 0, start: start, count: 1)])
            return try backend.floats(
                of: backend.attend(
                    query: activation, key: activation, value: activation, batch: batch, layer: 0, with: attention,
                    cache: &cache))
        }
        var results = [(try attend([2, 4], at: 0, &cache), [Float(2), 4])]
        var other = try copy(cache)
        results.append((try attend([4, 8], at: 1, &other), [3, 6]))
        results.append((try attend([0, 0], at: 1, &cache), [1, 2]))
        _ = try attend([6, 6], at: 0, &other)
        results.append((try attend([0, 0], at: 1, &cache), [1, 2]))
        return results
    }

    /// Attention of `count` tokens behind 300 whose keys and values are NaN and as many as the window hides behind those: work on hidden
    /// positions would show, because even a weight of 0 makes NaN of a NaN.
    package static func behindHidden<B: Backend>(
        on backend: B, window: Int, headSize: Int, count: Int
    ) throws -> [Float] {
        let attention = try backend.prepareAttention(
            AttentionDescription(
                headCount: 2, keyValueHeadCount: 1, headSize: headSize, scale: 0.1, softCap: 3, window: window,
                rotaryFrequencies: nil, outputPermutation: nil))
        let hidden = 300
        let capacity = hidden + window - 1 + count
        var cache = try backend.makeCache(
            CacheDescription(
                layerCount: 1, sequenceCount: 1, capacity: capacity, keyValueHeadCount: 1, headSize: headSize))
        func attend(_ value: Float, _ range: Range<Int>) throws -> [Float] {
            guard !range.isEmpty else { return [] }
            let activation = { (heads: Int) in
                try backend.activation(
                    [Float](repeating: value, count: range.count * heads * headSize), channels: heads * headSize)
            }
            return try backend.floats(
                of: backend.attend(
                    query: activation(2), key: activation(1), value: activation(1),
                    batch: TokenBatch([.init(sequence: 0, start: range.lowerBound, count: range.count)]), layer: 0,
                    with: attention, cache: &cache))
        }
        _ = try attend(.nan, 0..<hidden)
        _ = try attend(1, hidden..<capacity - count)
        return try attend(1, capacity - count..<capacity)
    }
}
