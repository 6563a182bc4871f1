// Wanda (arXiv 2306.11695): the weight's size times the norm of the channel it reads.

/// `S_ij = |W_ij| * a_j` with `a_j` the square root of the channel's sum of squares per sequence.
public struct Wanda: PruningMethod {
    /// "wanda"
    public var name: String { "wanda" }
    /// Sums of squares.
    public var requirement: StatisticsRequirement { .range }

    /// Makes the method; it has no settings.
    public init() {}

    /// The amplitude.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? {
        guard let statistics else { preconditionFailure("wanda needs calibration statistics") }
        return statistics.amplitudes(.wanda).map { Float($0) }
    }
}
