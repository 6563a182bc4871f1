// The reference backend's KV cache and causal attention.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Keys (after rotary positions) and values of past tokens.
package struct ReferenceCache: Sendable {
    let description: CacheDescription
    // [layer, sequence, position, key/value head, channel]
    var keys: [Float]
    var values: [Float]

    init(_ description: CacheDescription) {
        self.description = description
        let count = description.layerCount * description.sequenceCount * description.capacity
        keys = [Float](repeating: 0, count: count * description.keyValueHeadCount * description.headSize)
        values = keys
    }

    /// Index of channel 0 of a key or value.
    func index(layer: Int, sequence: Int, position: Int, head: Int) -> Int {
        precondition(
            layer < description.layerCount && sequence < description.sequenceCount && position < description.capacity)
        let row = (layer * description.sequenceCount + sequence) * description.capacity + position
        return (row * description.keyValueHeadCount + head) * description.headSize
    }
}

extension ReferenceBackend {
    package func attend(
        query: Activation, key: Activation, value: Activation, batch: TokenBatch, layer: Int,
        with attention: AttentionDescription, cache: inout ReferenceCache
    ) -> Activation {
        let size = attention.headSize
        precondition(query.channels == attention.headCount * size && query.tokens == batch.tokenCount)
        precondition(key.channels == attention.keyValueHeadCount * size && key.tokens == batch.tokenCount)
        precondition(value.channels == key.channels && value.tokens == batch.tokenCount)
        var output = Activation(channels: query.channels, values: query.values)
        var token = 0
        for segment in batch.segments {
            for position in segment.start..<segment.start + segment.count {
                for head in 0..<attention.keyValueHeadCount {
                    let source = (token + position - segment.start) * key.channels + head * size
                    let target = cache.index(layer: layer, sequence: segment.sequence, position: position, head: head)
                    let rotated = attention.rotated(
                        Array(key.values[source..<source + size]), position: position, length: segment.textLength)
                    cache.keys.replaceSubrange(target..<target + size, with: rotated)
                    cache.values.replaceSubrange(target..<target + size, with: value.values[source..<source + size])
                }
            }
            for position in segment.start..<segment.start + segment.count {
                let row = token + position - segment.start
                var heads: [Float] = []
                for head in 0..<attention.headCount {
                    let source = row * query.channels + head * size
                    let rotated = attention.rotated(
                        Array(query.values[source..<source + size]), position: position, length: segment.textLength)
                    heads += attended(
                        rotated, layer: layer, sequence: segment.sequence, position: position,
                        head: head / (attention.headCount / attention.keyValueHeadCount), attention, cache)
                }
                let ordered = attention.outputPermutation?.applied(to: heads) ?? heads
                output.values.replaceSubrange(row * query.channels..<(row + 1) * query.channels, with: ordered)
            }
            token += segment.count
        }
        return output
    }

    /// `softmax(cap(scale * q . K^T)) V` over the positions of one key/value head that a query at `position` sees.
    private func attended(
        _ query: [Float], layer: Int, sequence: Int, position: Int, head: Int,
        _ attention: AttentionDescription, _ cache: ReferenceCache
    ) -> [Float] {
        let starts = (attention.firstVisible(from: position)...position).map {
            cache.index(layer: layer, sequence: sequence, position: $0, head: head)
        }
        let scores = starts.map { start in
            let product = query.indices.reduce(0) { $0 + Double(query[$1]) * Double(cache.keys[start + $1]) }
            return softCapped(product * Double(attention.scale), at: attention.softCap)
        }
        let largest = scores.max() ?? 0
        let weights = scores.map { exp($0 - largest) }
        let total = weights.reduce(0, +)
        return query.indices.map { channel in
            let sum = zip(weights, starts).reduce(0) { $0 + $1.0 * Double(cache.values[$1.1 + channel]) }
            return Float(sum / total)
        }
    }
}

extension AttentionDescription {
    /// One head's channels turned to `position` of a sequence of `length`: pairs `(i, i + F)` by `position * frequencies[i]` radians and
    /// times `rotaryScale`, where F is the number of frequencies; channels past `2 * F` are left alone.
    package func rotated(_ head: [Float], position: Int, length: Int) -> [Float] {
        guard var frequencies = rotaryFrequencies else { return head }
        if let longRotary, length > longRotary.afterPositions { frequencies = longRotary.frequencies }
        let factor = Double(rotaryScale)
        var result = head
        for (index, frequency) in frequencies.enumerated() {
            let angle = Double(position) * Double(frequency)
            let first = Double(head[index])
            let second = Double(head[index + frequencies.count])
            result[index] = Float(factor * (first * cos(angle) - second * sin(angle)))
            result[index + frequencies.count] = Float(factor * (second * cos(angle) + first * sin(angle)))
        }
        return result
    }
}
