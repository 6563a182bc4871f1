// Whether and how kept weights make up for those that are dropped.

/// SparseGPT's update of kept weights (arXiv 2301.00774): an optimal-brain-surgeon step for each dropped weight, column by
/// column, on a damped Hessian of the calibration inputs.
public struct WeightUpdate: Sendable, Equatable {
    /// What is kept of a group when the update reaches it.
    public enum MaskChoice: Sendable, Equatable {
        /// The method's saliency, grown or shrunk with the weight since the update began: `S_ij |w_ij| / |W_ij|`.
        case saliency
        /// What dropping the weight costs by the Hessian: `(w_ij / U_jj)^2`.
        case loss
    }

    /// What is kept of a group.
    public var maskChoice: MaskChoice
    /// Share of the Hessian's mean diagonal that is added to its diagonal.
    public var damping: Double
    /// Columns after which the changes so far reach the columns that follow; the result does not depend on it but for
    /// rounding.
    public var blockSize: Int

    /// For the manifest, and to tell on resuming whether a setting changed.
    var settings: [String: String] { ["damping": "\(damping)", "update-block-size": "\(blockSize)"] }

    /// Makes an update with the paper's damping and block size.
    public init(maskChoice: MaskChoice, damping: Double = 0.01, blockSize: Int = 128) {
        precondition(damping > 0 && blockSize > 0)
        self.maskChoice = maskChoice
        self.damping = damping
        self.blockSize = blockSize
    }
}
