// SparseGPT (arXiv 2301.00774): optimal brain surgeon, the mask chosen while the kept weights are updated.

/// Each group keeps the weights whose loss would cost most when the update reaches it, and the columns after it make up for
/// what is dropped.
///
/// The channel shuffle needs a score before that: `S_ij = W_ij^2 / [inverse(H)]_jj`, what dropping one weight costs when all
/// others may make up for it.
public struct SparseGPT: PruningMethod {
    /// "sparsegpt"
    public var name: String { "sparsegpt" }
    /// The Hessian's inverse diagonal.
    public var requirement: StatisticsRequirement { .hessian }
    /// The sweep that chooses the mask and updates what is kept.
    public var update: WeightUpdate? { compensation }
    /// Damping and block size of the update.
    public var settings: [String: String] { compensation.settings }
    private let compensation: WeightUpdate

    /// Makes the method with the paper's settings, unless others are given.
    public init(damping: Double = 0.01, blockSize: Int = 128) {
        compensation = WeightUpdate(maskChoice: .loss, damping: damping, blockSize: blockSize)
    }

    /// `W^2 / [inverse(H)]_jj`.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        guard let diagonal = statistics?.inverseHessianDiagonal else {
            preconditionFailure("sparsegpt needs the Hessian's inverse diagonal")
        }
        let scores = weightedMagnitudes(
            weight, rows: rows, columns: columns, factors: diagonal.map { Float(1 / $0.squareRoot()) })
        return scores.map { $0 * $0 }
    }
}
