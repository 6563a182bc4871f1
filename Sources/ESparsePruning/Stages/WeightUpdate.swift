// Kept weights make up for those that are dropped, by SparseGPT's update.

package import ESparseCore
package import ESparseFormats

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
    /// Columns whose changes are gathered before they reach the columns that follow; it changes the result only by rounding.
    public var blockSize: Int

    /// Makes an update with the paper's damping and block size.
    public init(maskChoice: MaskChoice, damping: Double = 0.01, blockSize: Int = 128) {
        precondition(damping > 0 && blockSize > 0)
        self.maskChoice = maskChoice
        self.damping = damping
        self.blockSize = blockSize
    }
}

extension WeightUpdate: MaskStageWork {
    /// `update` is among them where `--update` asked for the stage: SparseGPT, which chooses by the loss, brings it itself.
    package var settings: [String: String] {
        var settings = ["damping": "\(damping)", "update-block-size": "\(blockSize)"]
        if maskChoice == .saliency { settings["update"] = "true" }
        return settings
    }

    package func prepare<D: PruningDevice>(_ site: MaskedSite<D>) throws -> (inout MaskedLinear<D>) throws -> Void {
        let (factor, taken) = try site.factor(damping: damping)
        let compensation = SiteCompensation(self, factor: factor, isDead: try site.gram().isDead, order: site.order)
        return { linear in
            precondition(!linear.isUpdated, "weights are updated once")
            let updated = try compensation.apply(
                to: linear.weight, of: linear.name,
                saliency: maskChoice == .saliency ? linear.saliency.hostValues() : [], pattern: site.pattern,
                parallel: site.parallel)
            linear.update(updated.weight, bits: updated.bits)
            linear.figures["damping"] = taken
            linear.figures["outputError"] = updated.error
        }
    }

    /// Says once where Hessians took more damping than was asked for.
    package func note(on linears: [PrunedLinear]) -> String? {
        func taken(_ linear: PrunedLinear) -> Double { linear.statistics["damping", default: 0] }
        let raised = linears.filter { taken($0) > damping }
        guard let most = raised.max(by: { taken($0) < taken($1) }) else { return nil }
        return
            "Note: the Hessians of \(raised.count) of \(linears.count) linears were not positive definite with damping "
            + "\(damping); \(most.name) took \(taken(most)), the most (\(SparseManifest.fileName) has all)"
    }
}
