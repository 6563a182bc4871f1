// Checks recorded decoding steps against the same operations one by one, which must give the same tokens.

package import ESparseCUDA
import ESparseCore
import ESparseReference

/// One rule and one number of sequences.
package struct DecodingCheck: CustomStringConvertible {
    let sequenceCount: Int
    /// Position of the first sequence's first step; the others start one further each.
    let start: Int
    let stepCount: Int
    let rule: SamplingRule
    let hasPeculiarities: Bool

    package var description: String {
        (hasPeculiarities ? "peculiar model, " : "")
            + "\(sequenceCount) sequences from position \(start), temperature \(rule.temperature), "
            + "top-k \(rule.topK ?? 0), top-p \(rule.topP ?? 1)"
    }

    /// Few and many sequences, short ones and those that cross the edge of an attention's splits.
    package static func all(isQuick: Bool) -> [DecodingCheck] {
        let rules = [
            SamplingRule(temperature: 0), SamplingRule(temperature: 1.5),
            SamplingRule(temperature: 0.9, topK: 12, topP: 0.8),
        ]
        let cases = [(1, 0, 8), (3, 252, 8)] + (isQuick ? [] : [(1, 500, 120), (20, 250, 16)])
        return cases.flatMap { count, start, steps in
            [false, true].flatMap { hasPeculiarities in
                rules.map {
                    DecodingCheck(
                        sequenceCount: count, start: start, stepCount: steps, rule: $0,
                        hasPeculiarities: hasPeculiarities)
                }
            }
        }
    }

    /// The tokens of all steps as recorded steps draw them, and as `backend` draws them after its operations one by one, `[stepCount * T]`
    /// each. Each has a copy of one filled cache.
    package func tokens(on backend: CUDABackend) throws -> (recorded: [Int32], plain: [Int32]) {
        let model = try DecodingModel(backend: backend, hasPeculiarities: hasPeculiarities)
        guard let decoder = try backend.makeDecoder(rule) else { return ([], [0]) }
        let filled = try filledCache(model)
        var caches = [filled, filled]
        var numbers = NumberSource(73)
        let first = numbers.integers(sequenceCount, below: DecodingModel<CUDABackend>.vocabularySize).map { Int32($0) }
        var (recorded, plain) = ([first], [first])
        for step in 0..<stepCount {
            let batch = TokenBatch(
                (0..<sequenceCount).map { .init(sequence: $0, start: start + $0 + step, count: 1) })
            let uniforms = numbers.integers(sequenceCount, below: 1 << 20).map { Double($0) / Double(1 << 20) }
            let tokens = recorded[step]
            recorded.append(
                try decoder.step(
                    tokens, batch: batch, uniforms: uniforms, cache: &caches[0],
                    forward: { try model.logits(tokens, batch: batch, cache: &$0) }))
            let logits = try model.logits(plain[step], batch: batch, cache: &caches[1])
            plain.append(try backend.drawTokens(from: logits, by: rule, uniforms: uniforms) ?? [])
        }
        return (recorded.flatMap { $0 }, plain.flatMap { $0 })
    }

    /// A cache in which every sequence has the tokens before its first step.
    private func filledCache(_ model: DecodingModel<CUDABackend>) throws -> CUDAKeyValueCache {
        var cache = try model.makeCache(sequenceCount: sequenceCount, capacity: start + sequenceCount + stepCount)
        for sequence in 0..<sequenceCount where start + sequence > 0 {
            let tokens = (0..<start + sequence).map { Int32(($0 * 7 + sequence) % 61) }
            let batch = TokenBatch([.init(sequence: sequence, start: 0, count: tokens.count)])
            _ = try model.logits(tokens, batch: batch, cache: &cache)
        }
        return cache
    }
}
