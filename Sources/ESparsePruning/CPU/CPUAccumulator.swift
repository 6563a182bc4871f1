// Statistics of one input site by the processor's kernels.

package import ESparseCore

/// Gathers one site's statistics from values that a backend shows.
package final class CPUAccumulator<B: Backend>: ChannelAccumulator {
    private let backend: B
    private let kernels: ChannelKernels
    private let bins: LogarithmicBinning?
    private var range: RangeStatistics
    /// `[C, bins]`; empty where none are counted.
    private var counts: [UInt32]
    private var products: GramMatrix?

    init(backend: B, kernels: ChannelKernels, channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool) {
        self.backend = backend
        self.kernels = kernels
        self.bins = bins
        range = RangeStatistics(channelCount: channels)
        counts = [UInt32](repeating: 0, count: channels * (bins?.bins ?? 0))
        products = sumsProducts ? GramMatrix(channels: channels) : nil
    }

    package func append(_ input: B.Activation, skipping skipped: Int) throws {
        try backend.withFloats(of: input) { values in
            let counted = values.extracting((skipped * range.channelCount)...)
            range.appendSequence(counted, using: kernels)
            if let bins { kernels.count(counted, channels: range.channelCount, in: bins, counts: &counts) }
            products?.appendSequence(counted, using: kernels)
        }
    }

    package func finish() -> SiteSums<GramMatrix> {
        SiteSums(range: range, counts: bins == nil ? nil : counts, products: products)
    }
}
