// Magnitude pruning: the weight's size alone.

/// `S_ij = |W_ij|`.
public struct Magnitude: PruningMethod {
    /// "magnitude"
    public var name: String { "magnitude" }
    /// No calibration.
    public var requirement: StatisticsRequirement { .none }

    /// Makes the method; it has no settings.
    public init() {}

    /// `|W|`.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        precondition(weight.count == rows * columns)
        return weight.map { abs($0) }
    }
}
