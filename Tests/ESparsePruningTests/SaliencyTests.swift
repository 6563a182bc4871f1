// Saliency rules and methods on hand-made vectors.

import ESparseCore
import ESparsePruning
import Testing

@Suite struct SaliencyTests {
    /// Two sequences of two tokens, four channels: uniform over two values, two values 3:1, constant, zero.
    private func statistics(_ requirement: StatisticsRequirement) -> ChannelStatistics {
        let sequences: [[Float]] = [[1, 2, 3, 0, -1, 2, 3, 0], [1, 2, 3, 0, -1, -2, 3, 0]]
        var range = RangeStatistics(channelCount: 4)
        for sequence in sequences {
            range.accumulate(sequence.span)
            range.endSequence()
        }
        guard case .histogram(let estimator, let bins) = requirement else { return ChannelStatistics(range: range) }
        var histogram = estimator.histogram(range: range, bins: bins)
        for sequence in sequences { histogram.accumulate(sequence.span) }
        return ChannelStatistics(range: range, histogram: histogram)
    }

    private func saliency(_ method: some PruningMethod) -> [Float] {
        method.saliency(
            weight: [1, -2, 3, 4, -0.0, 0.5, -1, 1], rows: 2, columns: 4, statistics: statistics(method.requirement))
    }

    private func expectClose(_ values: [Float], _ expected: [Float]) {
        #expect(values.count == expected.count)
        for (value, exact) in zip(values, expected) { #expect(abs(value - exact) <= 1e-6 * max(exact, 1)) }
    }

    // Entropies ln 2 and ln 4 - 3/4 ln 3.
    private let entropies: [Float] = [0.693_147_18, 0.562_335_14, 0, 0]

    @Test func magnitude() {
        #expect(saliency(Magnitude()) == [1, 2, 3, 4, 0, 0.5, 1, 1])
        #expect(Magnitude().requirement == .none && Magnitude().skippedPositions == 0)
    }

    @Test func wanda() {
        // Sums of squares 4, 16, 36, 0 over two sequences.
        let amplitude = [2, 8, 18, 0].map { Float($0).squareRoot() }
        expectClose(
            saliency(Wanda()),
            [amplitude[0], 2 * amplitude[1], 3 * amplitude[2], 0, 0, 0.5 * amplitude[1], amplitude[2], 0])
    }

    @Test func paperAddsEntropyAndAmplitude() {
        #expect(ESparse.paper.requirement == .histogram(.ownRange, bins: 100))
        let factors = zip(entropies, [2, 8, 18, 0].map { Float($0).squareRoot() }).map { $0 + $1 }
        expectClose(
            saliency(ESparse.paper),
            [factors[0], 2 * factors[1], 3 * factors[2], 0, 0, 0.5 * factors[1], factors[2], 0])
    }

    @Test func alphaWeighsTheAmplitudeInTheSum() {
        var method = ESparse.paper
        method.alpha = 0
        #expect(
            saliency(method).prefix(4).elementsEqual([entropies[0], entropies[1] * 2, 0, 0]) { abs($0 - $1) < 1e-6 })
    }

    @Test func normalizedSumDividesByTheMeans() {
        let method = ESparse(rule: .normalizedSum, alpha: 0.5, amplitude: .rms)
        let entropyMean = (entropies[0] + entropies[1]) / 4
        let factors = zip(entropies, [1, 2, 3, 0] as [Float]).map { $1 / 1.5 + 0.5 * $0 / entropyMean }
        expectClose(Array(saliency(method).prefix(4)), [factors[0], 2 * factors[1], 3 * factors[2], 4 * factors[3]])
    }

    @Test func geometricMeanGoesFromAmplitudeToEntropy() {
        let amplitudeAlone = saliency(ESparse(rule: .geometricMean, alpha: 0, amplitude: .rms)).prefix(4)
        expectClose(Array(amplitudeAlone), [1, 4, 0, 0])
        let entropyAlone = saliency(ESparse(rule: .geometricMean, alpha: 1, amplitude: .rms)).prefix(4)
        expectClose(Array(entropyAlone), [entropies[0], 2 * entropies[1], 0, 0])
        let both = saliency(ESparse(rule: .geometricMean, alpha: 0.5, amplitude: .rms)).prefix(4)
        expectClose(Array(both), [entropies[0].squareRoot(), 2 * (2 * entropies[1]).squareRoot(), 0, 0])
    }

    @Test(arguments: SaliencyRule.allCases, EntropyEstimator.allCases)
    func neverNegativeNorNaN(_ rule: SaliencyRule, _ estimator: EntropyEstimator) {
        for alpha in [0, 0.05, 1, 3] {
            let values = saliency(ESparse(rule: rule, alpha: alpha, entropy: estimator))
            #expect(values.allSatisfy { $0.isFinite && $0 >= 0 })
        }
    }
}
