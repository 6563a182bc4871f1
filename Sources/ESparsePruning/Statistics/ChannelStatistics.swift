// Everything calibration learns about the channels of one input site.

public import ESparseCore

/// Scale of a channel's amplitude: the square root of its sum of squares over different counts.
public enum AmplitudeScale: String, Sendable, Codable, CaseIterable {
    /// `sqrt(sum of squares / sequences)`, what Wanda's code computes.
    case wanda
    /// `sqrt(sum of squares / tokens)`.
    case rms
    /// `sqrt(sum of squares)`.
    case l2
}

/// What a pruning method needs to know about its input channels.
public enum StatisticsRequirement: Sendable, Equatable {
    /// The weights alone; no calibration.
    case none
    /// Sums and extremes: one pass.
    case range
    /// A histogram of every channel as well: a second pass where the estimator needs the range first.
    case histogram(EntropyEstimator, bins: Int)
    /// Sums and extremes, and the diagonal of the Hessian's inverse, damped by this share of the Hessian's mean diagonal: one
    /// pass.
    case inverseHessian(damping: Double)

    /// How often the calibration set runs through a block.
    public var passCount: Int {
        switch self {
        case .none: 0
        case .range, .inverseHessian: 1
        case .histogram(let estimator, _): estimator.needsRangeFirst ? 2 : 1
        }
    }
}

/// Statistics of the C channels of one input site over the whole calibration set.
public struct ChannelStatistics: Sendable {
    /// Sums and extremes.
    public let range: RangeStatistics
    /// Counts, where the method asked for them.
    public let histogram: HistogramStatistics?
    /// `[inverse(H)]_jj` of each channel's damped Hessian, `[C]`, where the method asked for it.
    public internal(set) var inverseHessianDiagonal: [Double]?

    /// Puts both together; the caller has validated the range.
    public init(range: RangeStatistics, histogram: HistogramStatistics? = nil) {
        precondition(histogram.map { $0.channelCount == range.channelCount } ?? true)
        self.range = range
        self.histogram = histogram
    }

    /// C: channels of the site.
    public var channelCount: Int { range.channelCount }

    /// Amplitude of each channel, `[C]`; 0 where no token was seen.
    public func amplitudes(_ scale: AmplitudeScale) -> [Double] {
        let divisor: Double =
            switch scale {
            case .wanda: Double(range.sequenceCount)
            case .rms: Double(range.tokenCount)
            case .l2: 1
            }
        return range.sumOfSquares.map { divisor > 0 ? ($0 / divisor).squareRoot() : 0 }
    }

    /// Entropy of each channel, `[C]`; the histogram must be there and set up for `estimator`.
    public func entropies(_ estimator: EntropyEstimator) -> [Double] {
        guard let histogram else { preconditionFailure("the method's requirement did not ask for a histogram") }
        return estimator.values(range: range, histogram: histogram)
    }
}
