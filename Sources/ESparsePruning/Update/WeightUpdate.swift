// Whether and how kept weights make up for those that are dropped.

/// SparseGPT's update of kept weights (arXiv 2301.00774): an optimal-brain-surgeon step for each dropped weight, column by
/// column, on a damped Hessian of the calibration inputs.
public struct WeightUpdate: Sendable, Equatable {
    /// Who says what is kept.
    public enum MaskChoice: Sendable, Equatable {
        /// The method's saliency of the original weights, as without an update.
        case saliency
        /// The update itself, group by group, from the weights as they are by then.
        case sweep
    }

    /// Who says what is kept.
    public var maskChoice: MaskChoice
    /// Share of the Hessian's mean diagonal that is added to its diagonal.
    public var damping: Double
    /// Columns after which the changes so far reach the columns that follow; the result does not depend on it but for
    /// rounding.
    public var blockSize: Int

    /// Makes an update with the paper's damping and block size.
    public init(maskChoice: MaskChoice, damping: Double = 0.01, blockSize: Int = 128) {
        precondition(damping > 0 && blockSize > 0)
        self.maskChoice = maskChoice
        self.damping = damping
        self.blockSize = blockSize
    }
}
