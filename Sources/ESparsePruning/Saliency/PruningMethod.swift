// The strategy that the pruning loop is given: how much each weight matters.

/// Scores weights. Adding a method is adding one file with one conforming type.
public protocol PruningMethod: Sendable {
    /// The method's name on the command line and in checkpoints, lower case with hyphens.
    var name: String { get }
    /// What calibration must gather for it.
    var requirement: StatisticsRequirement { get }
    /// How kept weights make up for dropped ones; nil for methods that leave them as they are.
    var update: WeightUpdate? { get }
    /// Whether the mask that the saliency chose is refined by the outputs' error over the calibration tokens.
    var refinesMask: Bool { get }
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

    /// Kept weights stay as they are.
    public var update: WeightUpdate? { nil }

    /// The mask is the saliency's.
    public var refinesMask: Bool { false }

    /// Whether calibration must sum a Hessian.
    var needsHessian: Bool { update != nil || refinesMask }

    /// All tokens count.
    public var skippedPositions: Int { 0 }

    /// Another form.
    public func channelFactors(statistics: ChannelStatistics?) -> [Float]? { nil }

    /// From `channelFactors`, which a method that does without a saliency of its own must have.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        guard let factors = channelFactors(statistics: statistics) else {
            preconditionFailure("\(name) has neither a saliency nor factors")
        }
        return weightedMagnitudes(weight, rows: rows, columns: columns, factors: factors)
    }
}

/// `|W_ij| * factors[j]`, the form most methods have.
func weightedMagnitudes(_ weight: [Float], rows: Int, columns: Int, factors: [Float]) -> [Float] {
    precondition(weight.count == rows * columns && factors.count == columns)
    return unsafe [Float](unsafeUninitializedCapacity: weight.count) { output, initialized in
        for row in 0..<rows {
            for column in 0..<columns {
                unsafe output[row * columns + column] = abs(weight[row * columns + column]) * factors[column]
            }
        }
        initialized = weight.count
    }
}
