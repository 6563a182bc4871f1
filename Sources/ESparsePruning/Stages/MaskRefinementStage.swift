// Masks that the saliency chose, refined by the outputs' error over the calibration tokens.

import ESparseCore

/// Kept and dropped weights of a group change places while the squared error of the outputs falls; no weight is changed.
struct MaskRefinementStage: MaskStageWork {
    var settings: [String: String] { ["refine": "true"] }

    func prepare<D: PruningDevice>(_ site: MaskedSite<D>) throws -> (inout MaskedLinear<D>) throws -> Void {
        let refiner = try site.device.refiner(products: site.products, order: site.order, pattern: site.pattern)
        guard let refiner else { throw PruningError.unusableHessian(site: site.name) }
        return { linear in
            precondition(!linear.isUpdated, "a refined mask is for weights that keep their values")
            var bits = try linear.bits(in: site)
            let error = try refiner.refine(
                &bits, of: linear.saliency, weight: linear.weight, parallel: site.parallel)
            linear.mask(bits)
            // H is twice the mean of the products, so its error is, too.
            linear.figures["outputErrorOfSaliency"] = error.before / 2
            linear.figures["outputError"] = error.after / 2
        }
    }
}
