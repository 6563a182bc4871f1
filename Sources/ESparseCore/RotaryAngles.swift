// The angles of rotary positions; every backend keeps them in a table of its own layout.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rows of a table of rotary positions (RoFormer, arXiv 2104.09864, section 3.2.2), one table for all attentions with equal angles.
///
/// Row p is position p of a short sequence. Where long sequences have frequencies of their own, short ones end at `longRow` positions, and
/// row `longRow + p` is position p of a long one.
package struct RotaryAngles: Sendable, Hashable {
    private let frequencies: [Float]
    private let scale: Float
    private let long: LongRotary?

    /// The angles of an attention; nil where it turns nothing.
    package init?(_ attention: AttentionDescription) {
        guard let frequencies = attention.rotaryFrequencies, !frequencies.isEmpty else { return nil }
        self.frequencies = frequencies
        scale = attention.rotaryScale
        long = attention.longRotary
    }

    /// F: channel pairs that are turned.
    package var frequencyCount: Int { frequencies.count }

    /// Row of position 0 in sequences of more than so many positions; nil where all sequences are alike.
    package var longRow: Int? { long?.afterPositions }

    /// Row of position 0 in a sequence of `length` positions.
    package func firstRow(length: Int) -> Int {
        longRow.map { length > $0 ? $0 : 0 } ?? 0
    }

    /// Rows that any sequences of up to `capacity` positions need; where they cannot grow long, those of short ones.
    package func rowCount(capacity: Int) -> Int { firstRow(length: capacity) + capacity }

    /// Rows that the tokens of a batch need.
    package func rowCount(for batch: TokenBatch) -> Int {
        batch.segments.map { firstRow(length: $0.textLength) + $0.start + $0.count }.max() ?? 0
    }

    /// Cosine and sine of frequency `index` in a row, times the attention's factor, computed in double precision.
    package func cosineAndSine(row: Int, index: Int) -> (cosine: Float, sine: Float) {
        var (position, frequency) = (row, frequencies[index])
        if let long, row >= long.afterPositions {
            (position, frequency) = (row - long.afterPositions, long.frequencies[index])
        }
        let angle = Double(position) * Double(frequency)
        return (Float(cos(angle) * Double(scale)), Float(sin(angle) * Double(scale)))
    }

    /// Rows that a table should hold when `count` are asked for: a power of 2, at least 256, so that it seldom grows.
    package static func capacity(for count: Int) -> Int {
        var capacity = 256
        while capacity < count { capacity *= 2 }
        return capacity
    }
}
