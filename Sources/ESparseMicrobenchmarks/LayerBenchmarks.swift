// What a decoding step costs beside its linears: a parallel region that does nothing, and attention.

import ESparseCPU
import ESparseCore

extension Microbenchmark {
    /// A parallel region that gives each thread one empty piece of work.
    static func threadRegion(_ backend: CPUBackend) -> Microbenchmark {
        let threads = backend.threadCount
        return Microbenchmark("empty parallel region, \(threads) threads", isShort: true) {
            { backend.pool.run(count: threads) { _ in } }
        }
    }

    /// Attention of LLaMA 7B's shape: `tokens` tokens that end at position 1,024.
    static func attention(_ backend: CPUBackend, tokens: Int) -> Microbenchmark {
        let (heads, headSize, end) = (32, 128, 1024)
        return Microbenchmark("attention, \(heads) heads of \(headSize), \(tokens) tokens, \(end) keys") {
            let attention = try backend.prepareAttention(
                AttentionDescription(
                    headCount: heads, keyValueHeadCount: heads, headSize: headSize,
                    scale: 1 / Float(headSize).squareRoot(), rotaryFrequencies: nil, outputPermutation: nil))
            var cache = try backend.makeCache(
                CacheDescription(
                    layerCount: 1, sequenceCount: 1, capacity: end, keyValueHeadCount: heads, headSize: headSize))
            func input(tokens: Int) -> CPUActivation {
                var random = SeededRandom(seed: UInt64(tokens))
                let values = (0..<tokens * heads * headSize).map { _ in Float(random.uniform()) - 0.5 }
                return backend.activation(values, channels: heads * headSize)
            }
            let before = TokenBatch([.init(sequence: 0, start: 0, count: end - tokens)])
            attend(backend, input(tokens: end - tokens), before, attention, &cache)
            let input = input(tokens: tokens)
            let batch = TokenBatch([.init(sequence: 0, start: end - tokens, count: tokens)])
            return { attend(backend, input, batch, attention, &cache) }
        }
    }

    /// Attends with one input as queries, keys and values.
    private static func attend(
        _ backend: CPUBackend, _ input: CPUActivation, _ batch: TokenBatch, _ attention: CPUAttention,
        _ cache: inout CPUKeyValueCache
    ) {
        _ = backend.attend(
            query: input, key: input, value: input, batch: batch, layer: 0, with: attention, cache: &cache)
    }
}
