// Calibration statistics against plain loops, to the last bit.

import ESparseCPU
import ESparseCore
import ESparseTestSupport
import Testing

@Suite struct ChannelKernelsTests {
    static let shapes = [(1, 1), (3, 5), (70, 64), (65, 131), (130, 40), (7, 200)].map { Shape($0, $1) }

    struct Shape: Sendable, CustomStringConvertible {
        let tokens: Int
        let channels: Int
        init(_ tokens: Int, _ channels: Int) {
            self.tokens = tokens
            self.channels = channels
        }
        var description: String { "\(tokens)x\(channels)" }
    }

    /// Values of very different sizes, with a constant channel.
    private func values(_ shape: Shape) -> [Float] {
        var numbers = NumberSource(UInt64(shape.tokens * 1000 + shape.channels))
        var values = numbers.floats(shape.tokens * shape.channels)
        for index in values.indices {
            values[index] *= Float(sign: .plus, exponent: index % 23 - 12, significand: 1)
            if index % shape.channels == 2 { values[index] = 0.7 }
        }
        return values
    }

    private func kernels(_ configuration: CPUConfiguration, threads: Int) -> ChannelKernels {
        ChannelKernels(pool: ThreadPool(threadCount: threads), instructionSet: configuration.instructionSet)
    }

    static let configurations = CPUConfiguration.all.filter { $0.precision == .float32 }

    @Test(arguments: configurations, shapes)
    func momentsAreExact(_ configuration: CPUConfiguration, _ shape: Shape) {
        let values = values(shape)
        for threads in 1...2 {
            let kernels = kernels(configuration, threads: threads)
            var moments = ChannelMoments(channels: shape.channels)
            // In two calls, which must not matter.
            let cut = shape.tokens / 3 * shape.channels
            kernels.accumulate(values.span.extracting(0..<cut), into: &moments)
            kernels.accumulate(values.span.extracting(cut..<values.count), into: &moments)
            #expect(moments.tokens == shape.tokens)
            for channel in 0..<shape.channels {
                let column = stride(from: channel, to: values.count, by: shape.channels).map { values[$0] }
                #expect(moments.sums[channel] == column.reduce(0) { $0 + Double($1) })
                #expect(moments.squareSums[channel] == column.reduce(0) { $0 + Double($1) * Double($1) })
                #expect(moments.minimums[channel] == column.min())
                #expect(moments.maximums[channel] == column.max())
            }
        }
    }

    @Test(arguments: configurations, shapes)
    func histogramsAreExact(_ configuration: CPUConfiguration, _ shape: Shape) {
        let values = values(shape)
        for bins in [1, 100] {
            var moments = ChannelMoments(channels: shape.channels)
            kernels(configuration, threads: 1).accumulate(values.span, into: &moments)
            var expected = [UInt32](repeating: 0, count: bins * shape.channels)
            for (index, value) in values.enumerated() {
                let channel = index % shape.channels
                let range = moments.maximums[channel] - moments.minimums[channel]
                let inverseWidth = range > 0 ? Float(bins) / range : 0
                let place = (value - moments.minimums[channel]) * inverseWidth
                expected[channel * bins + min(bins - 1, Int(place))] += 1
            }
            for threads in 1...2 {
                var histograms = ChannelHistograms(
                    bins: bins, minimums: moments.minimums, maximums: moments.maximums)
                kernels(configuration, threads: threads).accumulate(values.span, into: &histograms)
                #expect(histograms.counts == expected)
            }
        }
    }

    @Test(arguments: configurations)
    func histogramsTakeAnything(_ configuration: CPUConfiguration) {
        var histograms = ChannelHistograms(bins: 4, minimums: [0], maximums: [1])
        let values: [Float] = [-5, 0, 0.25, 0.2499, 0.999, 1, 7, .infinity, -.infinity, .nan]
        kernels(configuration, threads: 1).accumulate(values.span, into: &histograms)
        #expect(histograms.counts == [5, 1, 0, 4])
    }

    @Test(arguments: configurations, shapes)
    func logarithmicHistogramsAreExact(_ configuration: CPUConfiguration, _ shape: Shape) {
        let values = values(shape)
        for threads in 1...2 {
            var histograms = ChannelLogarithmicHistograms(channels: shape.channels, exponents: -6...3, fractionBits: 2)
            kernels(configuration, threads: threads).accumulate(values.span, into: &histograms)
            var expected = [UInt32](repeating: 0, count: histograms.bins * shape.channels)
            for (index, value) in values.enumerated() {
                var bin = 0
                if value != 0 {
                    let exponent = Int(value.exponent)
                    bin = (exponent + 6) * 4 + Int((value.significand - 1) * 4)
                    bin = min(max(bin, 0), 39)
                }
                if value.sign == .minus { bin += 40 }
                expected[index % shape.channels * histograms.bins + bin] += 1
            }
            #expect(histograms.counts == expected)
        }
    }
}
