// E-Sparse (arXiv 2310.15929): the weight's size times what its channel carries, entropy and amplitude together.

import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How a channel's entropy `e` and amplitude `a` become the factor of its weights.
public enum SaliencyRule: String, Sendable, Codable, CaseIterable {
    /// `e + alpha * a`: the paper's plain reading.
    case sum
    /// `a / mean(a) + alpha * e / mean(e)`, means over the site's channels: no scale has to match another.
    case normalizedSum = "normalized-sum"
    /// `a^(1 - alpha) * e^alpha`; `alpha` 0 is the amplitude alone, 1 the entropy alone.
    case geometricMean = "geometric-mean"
    /// `a * (e / e_normal)^alpha` with `e_normal = sqrt(2 pi e) * deviation`, the entropy power that a normal distribution of
    /// the channel's standard deviation would have: a channel whose amplitude comes from rare outliers, and so tells
    /// little about its usual values, counts less. `alpha` 0 is the amplitude alone.
    case relativeEntropy = "relative-entropy"

    /// The factor of each channel, `[C]`; 0 where it would be 0 / 0.
    func factors(entropy: [Double], amplitude: [Double], deviation: [Double], alpha: Double) -> [Double] {
        precondition(entropy.count == amplitude.count && deviation.count == amplitude.count)
        switch self {
        case .sum:
            return zip(entropy, amplitude).map { $0 + alpha * $1 }
        case .normalizedSum:
            let entropyScale = reciprocalMean(entropy)
            let amplitudeScale = reciprocalMean(amplitude)
            return zip(entropy, amplitude).map { $1 * amplitudeScale + alpha * $0 * entropyScale }
        case .geometricMean:
            return zip(entropy, amplitude).map { $0 == 0 || $1 == 0 ? 0 : pow($1, 1 - alpha) * pow($0, alpha) }
        case .relativeEntropy:
            let normal = (2 * Double.pi * exp(1)).squareRoot()
            return amplitude.indices.map { channel in
                let share = entropy[channel] / (normal * deviation[channel])
                return share > 0 && share.isFinite ? amplitude[channel] * pow(share, alpha) : amplitude[channel]
            }
        }
    }
}

private func reciprocalMean(_ values: [Double]) -> Double {
    let sum = values.reduce(0, +)
    return sum > 0 ? Double(values.count) / sum : 0
}

/// `S_ij = |W_ij| * f_j` with `f` from the channel's entropy and amplitude by a `SaliencyRule`.
public struct ESparse: PruningMethod {
    /// How entropy and amplitude are combined.
    public var rule: SaliencyRule
    /// The rule's weight.
    public var alpha: Double
    /// How a channel's entropy is estimated.
    public var entropy: EntropyEstimator
    /// Bins of the linear histograms.
    public var bins: Int
    /// Scale of the amplitude.
    public var amplitude: AmplitudeScale
    /// Tokens at the start of each sequence that are left out of the statistics.
    public var skippedPositions: Int

    /// Makes the method; the defaults are the paper's plain reading.
    public init(
        rule: SaliencyRule = .sum, alpha: Double = 1, entropy: EntropyEstimator = .ownRange, bins: Int = 100,
        amplitude: AmplitudeScale = .wanda, skippedPositions: Int = 0
    ) {
        precondition(bins > 0 && alpha >= 0 && skippedPositions >= 0)
        self.rule = rule
        self.alpha = alpha
        self.entropy = entropy
        self.bins = bins
        self.amplitude = amplitude
        self.skippedPositions = skippedPositions
    }

    /// The paper's plain reading: `|W| * (e + a)`, 100 bins between each channel's own extremes, Wanda's amplitude.
    public static let paper = ESparse()

    /// The settings that measured best (docs/method.md has the table).
    public static let standard = ESparse(rule: .relativeEntropy, alpha: 0.1, entropy: .logarithmic)

    /// "e-sparse"
    public var name: String { "e-sparse" }
    /// A histogram for the estimator.
    public var requirement: StatisticsRequirement { .histogram(entropy, bins: bins) }

    /// All settings.
    public var settings: [String: String] {
        [
            "rule": rule.rawValue, "alpha": "\(alpha)", "entropy": entropy.rawValue, "bins": "\(bins)",
            "amplitude": amplitude.rawValue, "skip-positions": "\(skippedPositions)",
        ]
    }

    /// The rule's.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? {
        guard let statistics else { preconditionFailure("e-sparse needs calibration statistics") }
        return rule.factors(
            entropy: statistics.entropies(entropy), amplitude: statistics.amplitudes(amplitude),
            deviation: statistics.range.standardDeviation, alpha: alpha
        ).map { Float($0) }
    }
}
