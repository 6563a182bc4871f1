// Checks tokens drawn on the device against the filters in plain loops: sort, cut, add up.

package import ESparseCUDA
import ESparseCore
import ESparseReference

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One rule and one size of vocabulary.
package struct SamplingCheck: CustomStringConvertible {
    let vocabularySize: Int
    let rule: SamplingRule
    let rows = 5

    package var description: String {
        "vocabulary of \(vocabularySize), temperature \(rule.temperature), top-k \(rule.topK ?? 0), top-p \(rule.topP ?? 1)"
    }

    /// Vocabularies that leave ragged ends, and the size of a real one.
    package static func all(isQuick: Bool) -> [SamplingCheck] {
        let rules: [(Float, Int?, Float?)] = [
            (0, nil, nil), (1, nil, nil), (0.7, 40, nil), (1.2, nil, 0.9), (1, 5, 0.5), (2, 1000, 0.999),
        ]
        return ([1, 37, 1025] + (isQuick ? [] : [128_256])).flatMap { size in
            rules.map {
                SamplingCheck(
                    vocabularySize: size, rule: SamplingRule(temperature: $0.0, topK: $0.1, topP: $0.2))
            }
        }
    }

    /// The device's tokens and the reference's, `[rows]` each. Random numbers lie in the middle of a token's share, where no rounding
    /// matters.
    ///
    /// - Throws: the backend's error.
    package func tokens(on backend: CUDABackend) throws -> (found: [Int32], expected: [Int32]) {
        var numbers = NumberSource(79)
        var (logits, uniforms, expected) = ([Float](), [Double](), [Int32]())
        for _ in 0..<rows {
            // Values on a grid, so that some are equal.
            let values = numbers.floats(vocabularySize, deviation: 2).map { ($0 * 64).rounded() / 64 }
            let shares = shares(values)
            let wanted = numbers.integers(1, below: shares.count)[0]
            logits += values
            expected.append(shares[wanted].token)
            uniforms.append(shares[wanted].middle)
        }
        let activation = try backend.activation(logits, channels: vocabularySize)
        return (try backend.drawTokens(from: activation, by: rule, uniforms: uniforms) ?? [], expected)
    }

    /// The tokens that can be drawn and the middles of their shares of [0, 1), those with hardly any left out.
    private func shares(_ logits: [Float]) -> [(token: Int32, middle: Double)] {
        let largest = logits.max() ?? 0
        guard rule.temperature > 0 else { return [(Int32(logits.firstIndex(of: largest) ?? 0), 0.5)] }
        let threshold = logits.sorted(by: >)[min(rule.topK ?? .max, logits.count) - 1]
        var weights = logits.map { $0 >= threshold ? Double(Float(exp(Double(($0 - largest) / rule.temperature)))) : 0 }
        let spare = (1 - Double(rule.topP ?? 1)) * weights.reduce(0, +)
        var dropped = 0.0
        // The least likely first, of equals the last.
        for index in weights.indices.sorted(by: { (weights[$0], $1) < (weights[$1], $0) }).dropLast() {
            dropped += weights[index]
            if dropped > spare || rule.topP == nil { break }
            weights[index] = 0
        }
        let total = weights.reduce(0, +)
        var before = 0.0
        var shares: [(token: Int32, middle: Double)] = []
        for (token, weight) in weights.enumerated() {
            if weight / total > 1e-6 { shares.append((Int32(token), (before + weight / 2) / total)) }
            before += weight
        }
        return shares
    }
}
