// What mask stages are given: one input site, and the linears that read it.

package import ESparseCore

/// One input site while its linears are masked.
package final class MaskedSite<D: PruningDevice> {
    /// The site's first linear, for errors.
    package let name: String
    /// Does the arithmetic.
    package let device: D
    /// N:M
    package let pattern: SparsityPattern
    /// The threads.
    package let parallel: ParallelLoop
    /// The order of the site's channels; nil where they keep theirs.
    package var order: Permutation? {
        // A factor is a matrix `[C, C]`: the old order's is freed before the new order's is made.
        didSet { factored = nil }
    }
    private let summed: D.Products?
    private var copied: GramMatrix?
    private var factored: (asked: Double, factor: InverseFactor, taken: Double)?

    /// Describes a site in its original order; `products` are there where a stage or the method asked for them.
    init(name: String, device: D, products: D.Products?, pattern: SparsityPattern, parallel: @escaping ParallelLoop) {
        self.name = name
        self.device = device
        self.pattern = pattern
        self.parallel = parallel
        summed = products
    }

    /// Sums of products over the calibration tokens, where the device keeps them.
    package var products: D.Products {
        guard let summed else { preconditionFailure("no products were summed at \(name)") }
        return summed
    }

    /// The same on the host.
    ///
    /// - Throws: when the device fails.
    package func gram() throws -> GramMatrix {
        if let copied { return copied }
        let gram = try products.gram()
        copied = gram
        return gram
    }

    /// The factor of the damped Hessian's inverse, channels in the site's order, and the damping that it took. It is kept for the
    /// next stage that asks for the same.
    ///
    /// - Throws: `PruningError.unusableHessian`; when the device fails.
    package func factor(damping: Double) throws -> (factor: InverseFactor, damping: Double) {
        if let factored, factored.asked == damping { return (factored.factor, factored.taken) }
        factored = nil
        let (factor, taken) = try gram().factor(order: order, damping: damping, site: name)
        factored = (damping, factor, taken)
        return (factor, taken)
    }
}

extension MaskedSite {
    /// The channels' statistics with what only the sums of products tell, where a method asks for it.
    ///
    /// - Throws: as `factor`.
    func completing(
        _ channels: ChannelStatistics?, for requirement: StatisticsRequirement
    ) throws -> ChannelStatistics? {
        guard case .inverseHessian(let damping) = requirement, var channels else { return channels }
        channels.inverseHessianDiagonal = try factor(damping: damping).factor.inverseDiagonal
        return channels
    }
}

/// One linear on its way from scored to pruned.
package struct MaskedLinear<D: PruningDevice> {
    /// Name of its weight.
    package let name: String
    /// How much its weights matter, as the method scored them.
    package let saliency: D.Saliency
    /// Its weights `[R, C]`: in the original order of channels, and in the site's once `isUpdated`.
    package private(set) var weight: Tensor
    /// Whether a stage changed weights.
    package private(set) var isUpdated = false
    /// Figures for the manifest, by name.
    package var figures: [String: Double] = [:]
    private var chosen: [UInt8]?

    /// A linear that is scored and not yet masked.
    init(name: String, weight: Tensor, saliency: D.Saliency) {
        self.name = name
        self.weight = weight
        self.saliency = saliency
    }

    /// The mask, `[R, (C + 7) / 8]` in the site's order: that of the last stage that chose one, or else the saliency's.
    ///
    /// - Throws: when the device fails.
    package func bits(in site: MaskedSite<D>) throws -> [UInt8] {
        try chosen ?? saliency.maskBits(pattern: site.pattern, order: site.order, parallel: site.parallel)
    }

    /// Keeps other weights, N of each group.
    package mutating func mask(_ bits: [UInt8]) { chosen = bits }

    /// Changes the kept weights: `weight` and `bits` are in the site's order, and dropped weights are 0.
    package mutating func update(_ weight: Tensor, bits: [UInt8]) {
        self.weight = weight
        chosen = bits
        isUpdated = true
    }
}
