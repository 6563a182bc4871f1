// Any method's saliency with SparseGPT's update of the weights it keeps.

/// A method that scores as its base method does and lets the kept weights make up for the rest.
///
/// The mask is chosen group by group during the update, because an update changes what the next groups' weights are worth:
/// the base method's saliency of a weight is scaled with the weight.
public struct CompensatedMethod: PruningMethod {
    private let base: any PruningMethod

    /// Adds the update to a method that has none of its own.
    public init(_ base: any PruningMethod) {
        precondition(base.update == nil, "\(base.name) updates weights already")
        self.base = base
    }

    /// The base method's name.
    public var name: String { base.name }
    /// What the base method needs; sums at least, because the update needs calibration.
    public var requirement: StatisticsRequirement { base.requirement == .none ? .range : base.requirement }
    /// The base method's.
    public var skippedPositions: Int { base.skippedPositions }
    /// The base method's, and that there is an update.
    public var settings: [String: String] {
        base.settings.merging(compensation.settings) { $1 }.merging(["update": "true"]) { $1 }
    }
    /// The paper's update, with the base method's saliency.
    public var update: WeightUpdate? { compensation }
    private var compensation: WeightUpdate { WeightUpdate(maskChoice: .saliency) }

    /// The base method's.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? {
        base.channelFactors(statistics: statistics)
    }

    /// The base method's.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        base.saliency(weight: weight, rows: rows, columns: columns, statistics: statistics)
    }
}
