// Channel statistics: hand-made vectors, any cut equal to the whole, and degenerate channels.

import ESparseCPU
import ESparseCore
import ESparsePruning
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Tokens `[T, C]` whose sums depend on the order of addition, one constant channel, one all zeros.
private func tokens(_ count: Int, seed: UInt64) -> [Float] {
    var random = SeededRandom(seed: seed)
    return (0..<count).flatMap { _ -> [Float] in
        let first = Float(random.uniform() - 0.5)
        return [first * 1e6 * first * first, Float(random.uniform()), -3.25, 0]
    }
}

@Suite struct RangeStatisticsTests {
    @Test func sumsAndExtremes() {
        var statistics = RangeStatistics(channelCount: 2)
        statistics.accumulate(([1, -2, 3, 5] as [Float]).span)
        statistics.endSequence()
        statistics.accumulate(([-4, 0] as [Float]).span)
        statistics.endSequence()
        #expect(statistics.sum == [0, 3] && statistics.sumOfSquares == [26, 29])
        #expect(statistics.minimum == [-4, -2] && statistics.maximum == [3, 5])
        #expect(statistics.tokenCount == 3 && statistics.sequenceCount == 2)
    }

    @Test func anyCutEqualsTheWhole() {
        let sequences = (0..<5 as Range<UInt64>).map { tokens(40, seed: $0) }
        var whole = RangeStatistics(channelCount: 4)
        for sequence in sequences {
            whole.accumulate(sequence.span)
            whole.endSequence()
        }
        // Tokens of a sequence in pieces.
        for piece in [1, 7, 39] {
            var cut = RangeStatistics(channelCount: 4)
            for sequence in sequences {
                for start in stride(from: 0, to: 40, by: piece) {
                    cut.accumulate(Array(sequence[(start * 4)..<(min(start + piece, 40) * 4)]).span)
                }
                cut.endSequence()
            }
            #expect(cut == whole)
        }
        // Sequences apart, appended in order.
        var appended = RangeStatistics(channelCount: 4)
        for sequence in sequences {
            var part = RangeStatistics(channelCount: 4)
            part.accumulate(sequence.span)
            part.endSequence()
            appended.append(part)
        }
        #expect(appended == whole)
    }

    @Test func amplitudes() {
        var range = RangeStatistics(channelCount: 2)
        for _ in 0..<2 {
            range.accumulate(([3, 0, 3, 2] as [Float]).span)
            range.endSequence()
        }
        let statistics = ChannelStatistics(range: range)
        #expect(statistics.amplitudes(.l2) == [6, Double(8).squareRoot()])
        #expect(statistics.amplitudes(.wanda) == [Double(18).squareRoot(), 2])
        #expect(statistics.amplitudes(.rms) == [3, Double(2).squareRoot()])
    }

    @Test func refusesNothingAndNotNumbers() {
        var statistics = RangeStatistics(channelCount: 2)
        #expect(throws: PruningError.noCalibrationTokens(site: "s")) { try statistics.validate(site: "s") }
        statistics.accumulate(([1, .greatestFiniteMagnitude] as [Float]).span)
        statistics.endSequence()
        #expect(throws: Never.self) { try statistics.validate(site: "s") }
        for bad in [Float.nan, .infinity, -.infinity] {
            var damaged = statistics
            damaged.accumulate(([1, bad] as [Float]).span)
            damaged.endSequence()
            #expect(throws: PruningError.nonFiniteActivation(site: "s", channel: 1)) { try damaged.validate(site: "s") }
        }
    }
}

@Suite struct HistogramStatisticsTests {
    private func range(_ values: [Float], channels: Int) -> RangeStatistics {
        var range = RangeStatistics(channelCount: channels)
        range.accumulate(values.span)
        range.endSequence()
        return range
    }

    private func estimate(_ estimator: EntropyEstimator, _ values: [Float], channels: Int, bins: Int = 100) -> [Double]
    {
        let range = range(values, channels: channels)
        var histogram = estimator.histogram(range: range, bins: bins)
        histogram.accumulate(values.span)
        return ChannelStatistics(range: range, histogram: histogram).entropies(estimator)
    }

    @Test func ownRangeBins() {
        // Range 0...4 in 4 bins: the greatest value belongs to the last bin.
        let values: [Float] = [0, 0.5, 1, 3.5, 4]
        var histogram = HistogramStatistics(range: range(values, channels: 1), bins: 4)
        histogram.accumulate(values.span)
        #expect(Array(histogram.counts(of: 0)) == [2, 1, 0, 2])
        let expected = -(0.4 * log(0.4) + 0.2 * log(0.2) + 0.4 * log(0.4))
        #expect(abs(estimate(.ownRange, values, channels: 1, bins: 4)[0] - expected) < 1e-12)
        #expect(abs(estimate(.power, values, channels: 1, bins: 4)[0] - exp(expected)) < 1e-12)
    }

    @Test func sharedBinsHaveOneWidth() {
        // RMS 1 and 2: the median (of two: the upper) is 2, so 4 bins of width 4 span [-8, 8] and 32 reach [-64, 64].
        let values: [Float] = [1, 2, -1, -2]
        var histogram = HistogramStatistics(sharedWidth: range(values, channels: 2), bins: 4)
        histogram.accumulate(values.span)
        #expect(histogram.binCount == 32)
        for channel in 0..<2 {
            #expect(histogram.counts(of: channel).enumerated().filter { $0.element > 0 }.map(\.offset) == [15, 16])
        }
    }

    @Test func logarithmicBins() {
        let zero = LogarithmicBins.countPerSign
        #expect(LogarithmicBins.bin(of: 0) == zero && LogarithmicBins.bin(of: -0.0) == 0)
        #expect(
            LogarithmicBins.bin(of: 0x1p-24) == zero + 1
                && LogarithmicBins.bin(of: (Float(sign: .plus, exponent: -24, significand: 1)).nextDown) == zero)
        #expect(LogarithmicBins.bin(of: 1) == zero + 1 + 24 * 4 && LogarithmicBins.bin(of: 1.25) == zero + 2 + 24 * 4)
        #expect(LogarithmicBins.bin(of: -1.99) == 1 + 24 * 4 + 3)
        #expect(LogarithmicBins.bin(of: .infinity) == LogarithmicBins.count - 1)
        #expect(LogarithmicBins.bin(of: 65535) == LogarithmicBins.count - 1)
        #expect(LogarithmicBins.width(of: zero) == 0x1p-24 && LogarithmicBins.width(of: zero + 1) == 0x1p-26)
        #expect(LogarithmicBins.width(of: zero + 1 + 24 * 4) == 0.25 && LogarithmicBins.width(of: 24 * 4) == 0.125)
    }

    @Test func estimatesOfAUniformChannelAreItsWidth() {
        // Uniform over [0, 8) at 4096 points: differential entropy ln 8, entropy ln 100 over its own range.
        let values = (0..<4096).map { Float($0) / 512 }
        #expect(abs(estimate(.ownRange, values, channels: 1)[0] - log(100)) < 1e-3)
        #expect(abs(estimate(.power, values, channels: 1)[0] - 8) < 0.01)
        #expect(abs(estimate(.logarithmic, values, channels: 1)[0] - 8) < 0.05)
    }

    @Test func powerScalesWithTheChannelAndOwnRangeDoesNot() {
        let values = tokens(300, seed: 5).enumerated().filter { $0.offset % 4 == 1 }.map(\.element)
        let pairs = values.flatMap { [$0, $0 * 16] }
        let ownRange = estimate(.ownRange, pairs, channels: 2)
        let power = estimate(.power, pairs, channels: 2)
        let logarithmic = estimate(.logarithmic, pairs, channels: 2)
        #expect(ownRange[0] == ownRange[1])
        #expect(abs(power[1] / power[0] - 16) < 1e-9 && abs(logarithmic[1] / logarithmic[0] - 16) < 1e-9)
    }

    @Test(arguments: EntropyEstimator.allCases)
    func degenerateChannelsAreZeroAndNeverNaN(_ estimator: EntropyEstimator) {
        let tiny = Float.leastNonzeroMagnitude
        let huge = Float.greatestFiniteMagnitude
        let values: [Float] = [5, 0, 0, -huge, 1, 5, 0, tiny, huge, 2, 5, -0.0, 0, 0, 3]
        let result = estimate(estimator, values, channels: 5)
        #expect(result[0] == 0 && result[1] == 0)
        #expect(result.allSatisfy { $0.isFinite && $0 >= 0 })
        #expect(result[4] > 0)
    }

    @Test(arguments: EntropyEstimator.allCases)
    func anyCutEqualsTheWhole(_ estimator: EntropyEstimator) {
        let values = tokens(90, seed: 8)
        let range = range(values, channels: 4)
        var whole = estimator.histogram(range: range, bins: 100)
        let empty = whole
        whole.accumulate(values.span)
        for piece in [1, 13, 89] {
            var parts = stride(from: 0, to: 90, by: piece).map { start in
                var part = empty
                part.accumulate(Array(values[(start * 4)..<(min(start + piece, 90) * 4)]).span)
                return part
            }
            parts.reverse()
            var merged = empty
            for part in parts { merged.merge(part) }
            #expect(merged == whole)
        }
        #expect(whole.counts.reduce(0) { $0 + Int($1) } == 360)
    }
}

@Suite struct StatisticsKernelTests {
    private let kernels = ChannelKernels(pool: ThreadPool(threadCount: 2), instructionSet: InstructionSet.available[0])

    /// Values of all magnitudes and both signs, zeros and subnormals among them.
    private func hostile(_ tokens: Int, channels: Int, seed: UInt64) -> [Float] {
        var random = SeededRandom(seed: seed)
        return (0..<(tokens * channels)).map { index in
            switch index % 11 {
            case 0: 0
            case 1: -0.0
            case 2: Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0x807F_FFFF)
            default:
                Float(random.uniform() - 0.5)
                    * Float(sign: .plus, exponent: random.integer(below: 50) - 30, significand: 1)
            }
        }
    }

    @Test(arguments: [1, 7, 64, 130])
    func rangesEqualThePlainReference(channels: Int) {
        var plain = RangeStatistics(channelCount: channels)
        var fast = plain
        for seed in 0..<3 as Range<UInt64> {
            let values = hostile(61, channels: channels, seed: seed)
            plain.accumulate(values.span)
            plain.endSequence()
            fast.appendSequence(values.span, using: kernels)
        }
        #expect(fast == plain)
    }

    @Test(arguments: EntropyEstimator.allCases)
    func histogramsEqualThePlainReference(estimator: EntropyEstimator) {
        var range = RangeStatistics(channelCount: 70)
        let values = hostile(97, channels: 70, seed: 4)
        range.accumulate(values.span)
        range.endSequence()
        var plain = estimator.histogram(range: range, bins: 37)
        var fast = plain
        for _ in 0..<2 {
            plain.accumulate(values.span)
            fast.accumulate(values.span, using: kernels)
        }
        #expect(fast == plain)
        #expect(fast.counts.reduce(0, +) == 2 * 97 * 70)
    }
}

@Suite struct OutputEnergyTests {
    @Test func byHand() {
        // Inputs (1, 2) and (3, -1): G = {{10, -1}, {-1, 5}}. Rows (1, 1) and (2, 0): 13 and 40.
        var gram = GramMatrix(channels: 2)
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 1), instructionSet: .forExactKernels)
        gram.appendSequence([1, 2, 3, -1].span, using: kernels)
        #expect(gram.outputEnergy(of: [1, 1, 2, 0], rows: 2, parallel: serial) == 13 + 40)
        #expect(gram.outputEnergy(of: [0, 0], rows: 1, parallel: serial) == 0)
    }

    @Test func equalsTheOutputsThemselvesOnAnyThreads() {
        // More channels than a strip holds.
        let (channels, tokens, rows) = (300, 41, 7)
        let inputs = heavyTailed(rows: tokens, columns: channels, seed: 5).values
        let weight = heavyTailed(rows: rows, columns: channels, seed: 6).values
        var expected = 0.0
        for token in 0..<tokens {
            for row in 0..<rows {
                let output = (0..<channels).reduce(0.0) {
                    $0 + Double(inputs[token * channels + $1]) * Double(weight[row * channels + $1])
                }
                expected += output * output
            }
        }
        var gram = GramMatrix(channels: channels)
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 2), instructionSet: .forExactKernels)
        gram.appendSequence(inputs.span, using: kernels)
        let energy = gram.outputEnergy(of: weight, rows: rows, parallel: serial)
        #expect(abs(energy / expected - 1) < 1e-4)
        #expect(gram.outputEnergy(of: weight, rows: rows, parallel: concurrent) == energy)
    }
}
