// Estimates of the information in each input channel, from histograms. All logarithms are natural.

public import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the entropy of a channel is estimated. No estimate is ever NaN; a constant channel has 0.
public enum EntropyEstimator: String, Sendable, Codable, CaseIterable {
    /// `-sum p ln p` over equal bins between the channel's own minimum and maximum (the paper's plain reading): the shape
    /// of the distribution, whatever its scale.
    case ownRange = "own-range"
    /// `-sum p ln p` over bins of one width for all channels of the site: wider channels hold more.
    case shared
    /// `exp(h)` where `h` is the differential entropy, own-range entropy plus the logarithm of the bin width: it has the
    /// unit of an amplitude and scales with the channel.
    case power
    /// `exp(h)` with `h` from logarithmic bins: like `power`, but in one pass and fine near zero.
    case logarithmic

    /// Whether the histogram can be set up only once the channels' ranges are known.
    public var needsRangeFirst: Bool { self != .logarithmic }

    /// An empty histogram for this estimate; `range` need be complete only where `needsRangeFirst`.
    public func histogram(range: RangeStatistics, bins: Int) -> HistogramStatistics {
        switch self {
        case .ownRange, .power: HistogramStatistics(range: range, bins: bins)
        case .shared: HistogramStatistics(sharedWidth: range, bins: bins)
        case .logarithmic: HistogramStatistics(logarithmicFor: range.channelCount)
        }
    }

    /// The estimate for each channel, `[C]`, from the histogram that `histogram(range:bins:)` set up.
    public func values(range: RangeStatistics, histogram: HistogramStatistics) -> [Double] {
        precondition(range.channelCount == histogram.channelCount)
        return (0..<range.channelCount).map { channel in
            guard !range.isConstant(channel) else { return 0 }
            let counts = histogram.counts(of: channel)
            switch (self, histogram.binning) {
            case (.ownRange, .linear), (.shared, .linear): return Self.entropy(of: counts)
            case (.power, .linear(_, _, let width)): return width[channel] * exp(Self.entropy(of: counts))
            case (.logarithmic, .logarithmic): return exp(Self.differentialEntropy(of: counts))
            default: preconditionFailure("the histogram was set up for another estimator")
            }
        }
    }

    /// `-sum p ln p` of counts; 0 where there are none.
    static func entropy(of counts: ArraySlice<UInt32>) -> Double {
        let total = counts.reduce(0.0) { $0 + Double($1) }
        guard total > 0 else { return 0 }
        let sum = counts.reduce(0.0) { $1 == 0 ? $0 : $0 + Double($1) * log(Double($1)) }
        return max(0, log(total) - sum / total)
    }

    /// `-sum p ln(p / width)` over logarithmic bins; minus infinity where there are no counts.
    private static func differentialEntropy(of counts: ArraySlice<UInt32>) -> Double {
        let total = counts.reduce(0.0) { $0 + Double($1) }
        guard total > 0 else { return -.infinity }
        return counts.enumerated().reduce(0.0) { sum, element in
            guard element.element > 0 else { return sum }
            let share = Double(element.element) / total
            return sum - share * log(share / LogarithmicBins.width(of: element.offset))
        }
    }
}
