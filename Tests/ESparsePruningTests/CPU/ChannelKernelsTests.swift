// Calibration statistics against plain loops, to the last bit.

import ESparseCPU
import ESparseCore
import ESparsePruning
import ESparseReference
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

    private func kernels(_ instructionSet: InstructionSet, threads: Int) -> ChannelKernels {
        ChannelKernels(pool: ThreadPool(threadCount: threads), instructionSet: instructionSet)
    }

    @Test(arguments: InstructionSet.available, shapes)
    func momentsAreExact(_ instructionSet: InstructionSet, _ shape: Shape) {
        let values = values(shape)
        for threads in 1...2 {
            let kernels = kernels(instructionSet, threads: threads)
            var range = RangeStatistics(channelCount: shape.channels)
            // In two calls, which must not matter.
            let cut = shape.tokens / 3 * shape.channels
            kernels.accumulate(values.span.extracting(0..<cut), into: &range)
            kernels.accumulate(values.span.extracting(cut..<values.count), into: &range)
            range.endSequence()
            #expect(range.tokenCount == shape.tokens && range.sequenceCount == 1)
            for channel in 0..<shape.channels {
                let column = stride(from: channel, to: values.count, by: shape.channels).map { values[$0] }
                #expect(range.sum[channel] == column.reduce(0) { $0 + Double($1) })
                #expect(range.sumOfSquares[channel] == column.reduce(0) { $0 + Double($1) * Double($1) })
                #expect(range.minimum[channel] == column.min())
                #expect(range.maximum[channel] == column.max())
            }
        }
    }

    @Test(arguments: InstructionSet.available, shapes)
    func histogramsAreExact(_ instructionSet: InstructionSet, _ shape: Shape) throws {
        let values = values(shape)
        for bins in [1, 100] {
            var range = RangeStatistics(channelCount: shape.channels)
            range.accumulate(values.span)
            let empty = HistogramStatistics(range: range, bins: bins)
            guard case .linear(let origin, let scale, _) = empty.binning else {
                Issue.record("not linear")
                return
            }
            var expected = [UInt32](repeating: 0, count: bins * shape.channels)
            for (index, value) in values.enumerated() {
                let channel = index % shape.channels
                let place = (value - origin[channel]) * scale[channel]
                expected[channel * bins + min(bins - 1, Int(place))] += 1
            }
            for threads in 1...2 {
                var histograms = empty
                histograms.accumulate(values.span, using: kernels(instructionSet, threads: threads))
                #expect(histograms.counts == expected)
            }
        }
    }

    @Test(arguments: InstructionSet.available)
    func histogramsTakeAnything(_ instructionSet: InstructionSet) {
        var range = RangeStatistics(channelCount: 1)
        range.accumulate([0, 1].span)
        var histograms = HistogramStatistics(range: range, bins: 4)
        let values: [Float] = [-5, 0, 0.25, 0.2499, 0.999, 1, 7, .infinity, -.infinity, .nan]
        histograms.accumulate(values.span, using: kernels(instructionSet, threads: 1))
        #expect(histograms.counts == [5, 1, 0, 4])
    }

    @Test(arguments: InstructionSet.available, shapes)
    func logarithmicHistogramsAreExact(_ instructionSet: InstructionSet, _ shape: Shape) {
        let values = values(shape)
        let binning = LogarithmicBinning(exponents: -6...3, fractionBits: 2)
        for threads in 1...2 {
            var counts = [UInt32](repeating: 0, count: shape.channels * binning.bins)
            kernels(instructionSet, threads: threads).count(
                values.span, channels: shape.channels, in: binning, counts: &counts)
            var expected = [UInt32](repeating: 0, count: binning.bins * shape.channels)
            for (index, value) in values.enumerated() {
                var bin = 0
                if value != 0 {
                    let exponent = Int(value.exponent)
                    bin = (exponent + 6) * 4 + Int((value.significand - 1) * 4)
                    bin = min(max(bin, 0), 39)
                }
                if value.sign == .minus { bin += 40 }
                expected[index % shape.channels * binning.bins + bin] += 1
            }
            #expect(counts == expected)
        }
    }
}
