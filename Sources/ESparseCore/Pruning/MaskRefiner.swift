// Refinement of masks by the outputs' error, and how far every device takes it.

/// Better masks for the weights of one input site, from the sums of its inputs' products.
package protocol MaskRefiner: Sendable {
    /// The saliencies of one linear on the same device.
    associatedtype Saliency
    /// Refines the mask of one linear in the site's order.
    ///
    /// - Parameters:
    ///   - bits: `[rows, (columns + 7) / 8]` as `SparseMatrix` holds them, N of each group set, before and after.
    ///   - saliency: the linear's; a device may keep the weights with it.
    ///   - weight: the linear's, `[rows, columns]` in the original order, for a device that keeps no copy.
    /// - Returns: `d H d^T` summed over rows, before and after, with d the dropped weights of a row.
    /// - Throws: when the device fails; where the weights are no floating-point numbers.
    func refine(
        _ bits: inout [UInt8], of saliency: Saliency, weight: Tensor, parallel: ParallelLoop
    ) throws -> (before: Double, after: Double)
}

/// How far a mask is refined, wherever it is done.
package enum RefinementLimits {
    /// Share of the Hessian's mean diagonal that is added to its diagonal first: few calibration tokens make channels look more
    /// alike than they are.
    package static let damping = 0.01
    /// The most rounds over a row's groups; each lowers the error, so it may stop anywhere.
    package static let rounds = 8
    /// An exchange must lower the row's error by more than this share of it, which is above the rounding of single precision.
    package static let smallestGain: Float = 1e-6
}
