// Statistics of channels on the processor, whatever backend runs the model.

package import ESparseCPU
package import ESparseCore

/// Gathers statistics with the processor's kernels from values that a backend shows.
package struct HostCalibration<B: Backend>: CalibrationArithmetic {
    private let backend: B
    private let kernels: ChannelKernels

    /// Works on the threads of `kernels`.
    package init(backend: B, kernels: ChannelKernels) {
        self.backend = backend
        self.kernels = kernels
    }

    package func makeAccumulator(
        channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool
    ) -> any ChannelAccumulator<B.Activation> {
        HostAccumulator(
            backend: backend, kernels: kernels, channels: channels, bins: bins, sumsProducts: sumsProducts)
    }
}

private final class HostAccumulator<B: Backend>: ChannelAccumulator {
    private let backend: B
    private let kernels: ChannelKernels
    private var range: RangeStatistics
    private var histograms: ChannelLogarithmicHistograms?
    private var hessian: Hessian?

    init(backend: B, kernels: ChannelKernels, channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool) {
        self.backend = backend
        self.kernels = kernels
        range = RangeStatistics(channelCount: channels)
        histograms = bins.map {
            ChannelLogarithmicHistograms(channels: channels, exponents: $0.exponents, fractionBits: $0.fractionBits)
        }
        hessian = sumsProducts ? Hessian(channelCount: channels) : nil
    }

    func append(_ input: B.Activation, skipping skipped: Int) {
        backend.withFloats(of: input) { values in
            let counted = values.extracting((skipped * range.channelCount)...)
            range.appendSequence(counted, using: kernels)
            histograms?.append(counted, using: kernels)
            hessian?.appendSequence(counted, using: kernels)
        }
    }

    func finish() -> SiteSums {
        SiteSums(
            sequenceCount: range.sequenceCount, tokenCount: range.tokenCount, sums: range.sum,
            squareSums: range.sumOfSquares, minimums: range.minimum, maximums: range.maximum,
            counts: histograms?.counts, products: hessian)
    }
}

extension ChannelLogarithmicHistograms {
    fileprivate mutating func append(_ values: Span<Float>, using kernels: ChannelKernels) {
        kernels.accumulate(values, into: &self)
    }
}
