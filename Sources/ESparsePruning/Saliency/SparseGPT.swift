// SparseGPT (arXiv 2301.00774): optimal brain surgeon, the mask chosen while the kept weights are updated.

/// Each group keeps the weights whose loss would cost most when the update reaches it, and the columns after it make up for
/// what is dropped.
///
/// The channel shuffle needs a score before that: `S_ij = W_ij^2 / [inverse(H)]_jj`, what dropping one weight costs when all
/// others may make up for it.
public struct SparseGPT: PruningMethod {
    /// "sparsegpt"
    public var name: String { "sparsegpt" }
    /// The diagonal of the Hessian's inverse, damped as the update has it.
    public var requirement: StatisticsRequirement { .inverseHessian(damping: update.damping) }
    /// The sweep that chooses the mask and updates what is kept.
    public var stages: [MaskStage] { [.update(update)] }
    private let update: WeightUpdate

    /// Makes the method with the paper's settings, unless others are given.
    public init(damping: Double = 0.01, blockSize: Int = 128) {
        update = WeightUpdate(maskChoice: .loss, damping: damping, blockSize: blockSize)
    }

    /// `W^2 / [inverse(H)]_jj`.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        guard let diagonal = statistics?.inverseHessianDiagonal else {
            preconditionFailure("sparsegpt needs the Hessian's inverse diagonal")
        }
        let roots = weightedMagnitudes(
            weight, rows: rows, columns: columns, factors: diagonal.map { Float(1 / $0.squareRoot()) })
        return roots.map { $0 * $0 }
    }
}
