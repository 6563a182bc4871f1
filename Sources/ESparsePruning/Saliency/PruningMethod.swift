// How much each weight matters: what methods of pruning differ in.

/// Scores weights. Adding a method is adding one file with one conforming type, and a line to `PruningMethods.all`.
public protocol PruningMethod: Sendable {
    /// The method's name on the command line and in checkpoints, lower case with hyphens.
    var name: String { get }
    /// What calibration must gather for it.
    var requirement: StatisticsRequirement { get }
    /// What the method itself prescribes after its score; none unless it says otherwise.
    var stages: [MaskStage] { get }
    /// Tokens at the start of each sequence that the statistics leave out (the first token of a sequence gathers attention
    /// and has outliers like no other); 0 unless the method says otherwise.
    var skippedPositions: Int { get }
    /// The method's own settings by their option's name, for the manifest.
    var settings: [String: String] { get }
    /// Factors f of a saliency of the form `S_ij = |W_ij| f_j`, `[columns]`; nil where it has another form.
    ///
    /// - Parameter statistics: as for `saliency`.
    func channelFactors(statistics: ChannelStatistics?) -> [Float]?
    /// How much each weight of `weight` `[rows, columns]` matters, row-major; never negative, never NaN for finite weights.
    ///
    /// - Parameters:
    ///   - weight: the weights, row-major in original column order.
    ///   - rows: output channels.
    ///   - columns: input channels.
    ///   - statistics: of the linear's input site, with at least what `requirement` asks for; nil only where that is `none`.
    func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float]
}

extension PruningMethod {
    /// No settings.
    public var settings: [String: String] { [:] }

    /// The score alone.
    public var stages: [MaskStage] { [] }

    /// No token is left out.
    public var skippedPositions: Int { 0 }

    /// No such form.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? { nil }

    /// From `channelFactors`; a method has one or the other.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        guard let factors = channelFactors(statistics: statistics) else {
            preconditionFailure("\(name) has neither a saliency nor factors")
        }
        return weightedMagnitudes(weight, rows: rows, columns: columns, factors: factors)
    }
}
