// Any method's saliency, its mask refined by the outputs' error; no weight is changed.

/// A method that scores as its base method does, after which kept and dropped weights of a group change places while the
/// squared error of the outputs over the calibration tokens falls (`MaskRefinement`).
public struct RefinedMethod: PruningMethod {
    private let base: any PruningMethod

    /// Adds the refinement to a method that leaves weights as they are.
    public init(_ base: any PruningMethod) {
        precondition(base.update == nil && !base.refinesMask, "\(base.name) cannot be refined")
        self.base = base
    }

    /// The base method's name.
    public var name: String { base.name }
    /// What the base method needs; sums at least, because the error needs calibration.
    public var requirement: StatisticsRequirement { base.requirement == .none ? .range : base.requirement }
    /// The base method's.
    public var skippedPositions: Int { base.skippedPositions }
    /// The base method's, and that the mask is refined.
    public var settings: [String: String] { base.settings.merging(["refine": "true"]) { $1 } }
    /// Always.
    public var refinesMask: Bool { true }

    /// The base method's.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? {
        base.channelFactors(statistics: statistics)
    }

    /// The base method's.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        base.saliency(weight: weight, rows: rows, columns: columns, statistics: statistics)
    }
}
