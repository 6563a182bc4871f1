// Attention on a KV cache, over several calls.

package import ESparseCore

/// Causal attention of some sequences over a cache that holds earlier tokens.
package struct AttentionScenario: BackendScenario {
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int
    /// Frequencies of the rotary positions; 0 for none.
    let frequencyCount: Int
    let isPermuted: Bool
    let window: Int?
    let softCap: Float?
    let rotaryScale: Float
    /// Positions after which a sequence has other frequencies; nil for never.
    let shortPositions: Int?
    /// Whether the calls are pieces of one text, as a prompt comes, or each continues its sequences by a text of its own.
    let isOneText: Bool
    /// Tokens of every sequence in every call; 0 leaves a sequence out.
    let calls: [[Int]]

    /// Describes calls; `calls` holds the tokens of every sequence in every call.
    package init(
        headCount: Int, keyValueHeadCount: Int, headSize: Int, frequencyCount: Int, isPermuted: Bool,
        window: Int? = nil, softCap: Float? = nil, rotaryScale: Float = 1, shortPositions: Int? = nil,
        isOneText: Bool = false, calls: [[Int]]
    ) {
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.frequencyCount = frequencyCount
        self.isPermuted = isPermuted
        self.window = window
        self.softCap = softCap
        self.rotaryScale = rotaryScale
        self.shortPositions = shortPositions
        self.isOneText = isOneText
        self.calls = calls
    }

    package var operation: String { "attention" }
    package let singleBound = 1e-11
    package let bfloat16Bound = 5e-5
    package var description: String {
        let parts: [String?] = [
            "attention \(headCount)/\(keyValueHeadCount) heads of \(headSize)", "\(frequencyCount) frequencies",
            isPermuted ? "permuted" : nil, window.map { "window \($0)" }, softCap.map { "cap \($0)" },
            rotaryScale == 1 ? nil : "turned times \(rotaryScale)", shortPositions.map { "short to \($0)" },
            isOneText ? "one text" : nil, "calls \(calls)",
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }

    /// The outputs of all calls, in order; both layers of the cache are used, with different values.
    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var cache = try backend.makeCache(
            CacheDescription(
                layerCount: 2, sequenceCount: calls[0].count, capacity: positionCount,
                keyValueHeadCount: keyValueHeadCount, headSize: headSize))
        let attention = try backend.prepareAttention(shape())
        var starts = [Int](repeating: 0, count: calls[0].count)
        var outputs: [Float] = []
        for counts in calls {
            var segments: [TokenBatch.Segment] = []
            // The last sequence first: slots need not be in order.
            for sequence in counts.indices.reversed() where counts[sequence] > 0 {
                let length: Int? = isOneText ? calls.reduce(0) { $0 + $1[sequence] } : nil
                segments.append(
                    .init(sequence: sequence, start: starts[sequence], count: counts[sequence], textLength: length))
                starts[sequence] += counts[sequence]
            }
            for layer in 0..<2 {
                let output = try attend(segments, layer: layer, on: backend, attention, &cache)
                outputs += try backend.floats(of: output)
            }
        }
        return outputs
    }

    private func attend<Candidate: Backend>(
        _ segments: [TokenBatch.Segment], layer: Int, on backend: Candidate,
        _ attention: Candidate.PreparedAttention, _ cache: inout Candidate.KeyValueCache
    ) throws -> Candidate.Activation {
        func activation(_ kind: Int, heads: Int) throws -> Candidate.Activation {
            let channels = heads * headSize
            // A token's values depend on its sequence and position only, so that cutting calls differently changes nothing.
            let values = segments.flatMap { segment in
                (segment.start..<segment.start + segment.count).flatMap { position in
                    var numbers = NumberSource(
                        UInt64((((position * 16 + segment.sequence) * 2) + layer) * 3 + kind))
                    return numbers.floats(channels)
                }
            }
            return try backend.activation(values, channels: channels)
        }
        return try backend.attend(
            query: activation(0, heads: headCount), key: activation(1, heads: keyValueHeadCount),
            value: activation(2, heads: keyValueHeadCount), batch: TokenBatch(segments), layer: layer,
            with: attention, cache: &cache)
    }

    var positionCount: Int {
        calls[0].indices.map { sequence in calls.reduce(0) { $0 + $1[sequence] } }.max() ?? 0
    }

    private func shape() -> AttentionDescription {
        var numbers = NumberSource(6)
        let permutation = numbers.permutation(headCount * headSize)
        let frequencies = (0..<frequencyCount).map { 1 / Float($0 + 1) }
        return AttentionDescription(
            headCount: headCount, keyValueHeadCount: keyValueHeadCount, headSize: headSize,
            scale: 1 / Float(headSize).squareRoot(), softCap: softCap, window: window,
            rotaryFrequencies: frequencyCount > 0 ? frequencies : nil, rotaryScale: rotaryScale,
            longRotary: shortPositions.map { LongRotary(frequencies: frequencies.map { $0 / 3 }, afterPositions: $0) },
            outputPermutation: isPermuted ? permutation : nil)
    }
}
