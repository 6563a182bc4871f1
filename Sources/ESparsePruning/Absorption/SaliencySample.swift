// Saliencies of a whole model's rows, thinned out to bounded memory: what the order of the residual stream is chosen by.

import ESparseCore

/// Rows of the linears that read the residual stream, each with a saliency for every channel of the stream.
///
/// Saliencies of different input sites have different units, so those of a site are divided by their sum: every site counts the
/// same.
package struct SaliencySample {
    /// The most values that are held, 256 MiB of singles: 16,384 rows of 4,096 channels.
    package static let valueLimit = 1 << 26

    /// D: channels of the residual stream.
    package let channels: Int
    /// Rows among which one is drawn.
    package let spacing: Int
    /// Saliencies `[rows drawn, D]`, row-major.
    package private(set) var values: [Float] = []
    private var random: SeededRandom

    /// Starts a sample of `rowCount` rows in all, of which as many are drawn as the limit allows.
    package init(rowCount: Int, channels: Int, seed: UInt64, valueLimit: Int = Self.valueLimit) {
        self.channels = channels
        let most = max(valueLimit / channels, 1)
        spacing = max((rowCount + most - 1) / most, 1)
        random = SeededRandom(seed: seed)
        values.reserveCapacity(min(rowCount, most) * channels)
    }

    /// Draws rows of a linear with `rows` of them: one at random out of every `spacing` that follow each other.
    ///
    /// A fixed step would meet the same place of every attention head.
    package mutating func draw(from rows: Int) -> [Int32] {
        stride(from: 0, to: rows, by: spacing).map { start in
            Int32(start + random.integer(below: min(spacing, rows - start)))
        }
    }

    /// Adds the saliencies of one site's drawn rows, `[rows, D]`.
    package mutating func append(site saliencies: [Float]) {
        precondition(saliencies.count % channels == 0)
        let sum = saliencies.reduce(0) { $0 + Double($1) }
        let scale = sum > 0 ? Float(1 / sum) : 0
        values.append(contentsOf: saliencies.lazy.map { $0 * scale })
    }
}
