// Where pruning's arithmetic is done: the processor and a GPU are both devices, and the pipeline is written once for them.

/// Gathers statistics, scores weights and refines masks.
///
/// What a device makes stays where the device works: the pipeline hands it back, and asks for copies on the host only where it
/// reads them.
package protocol PruningDevice<Activation>: Sendable {
    /// Values of a sequence's tokens, `[T, C]`, as the backend that runs the model has them.
    associatedtype Activation
    /// Gathers the statistics of one input site.
    associatedtype Accumulator: ChannelAccumulator where Accumulator.Activation == Activation
    /// The saliencies of one linear.
    associatedtype Saliency: WeightSaliency
    /// Refines the masks of one input site.
    associatedtype Refiner: MaskRefiner where Refiner.Saliency == Saliency

    /// Sums of products of one input site.
    typealias Products = Accumulator.Products

    /// An accumulator for `channels` channels: sums and extremes, counts in `bins` where they are given, and sums of products
    /// where `sumsProducts`.
    ///
    /// - Throws: when memory cannot be had.
    func makeAccumulator(channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool) throws -> Accumulator
    /// `|W_ij| * factors[j]` of a weight `[rows, columns]`.
    ///
    /// - Throws: where the weights are no floating-point numbers; when the device fails.
    func saliency(of weight: Tensor, factors: [Float]) throws -> Saliency
    /// Saliencies that were computed on the host, `[rows, columns]`, row-major.
    ///
    /// - Throws: as above.
    func saliency(of weight: Tensor, values: [Float]) throws -> Saliency
    /// Refines masks by `H = 2 / T X^T X`, damped by `RefinementLimits.damping`, channels in the order `order`.
    ///
    /// - Returns: nil where the sums overflowed.
    /// - Throws: when the device fails.
    func refiner(products: Products, order: Permutation?, pattern: SparsityPattern) throws -> Refiner?
}

/// A backend with a device that prunes beside it.
package protocol PruningBackend: Backend {
    /// Does the arithmetic of pruning where the backend's activations are.
    var pruningDevice: any PruningDevice<Activation> { get }
}

/// Gathers the statistics of one input site, sequence after sequence.
package protocol ChannelAccumulator: AnyObject {
    /// Values of a sequence's tokens, `[T, C]`.
    associatedtype Activation
    /// Sums of products, where the device keeps them.
    associatedtype Products: ChannelProducts
    /// Adds one whole sequence without its first `skipped` tokens, fewer than it has.
    ///
    /// - Throws: when the device fails.
    func append(_ input: Activation, skipping skipped: Int) throws
    /// What was gathered.
    ///
    /// - Throws: when the device fails.
    func finish() throws -> SiteSums<Products>
}

/// What calibration gathered about the C channels of one input site.
package struct SiteSums<Products: ChannelProducts>: Sendable {
    /// Sums and extremes of each channel.
    package let range: RangeStatistics
    /// Counts in the bins that were asked for, `[C, bins]`.
    package let counts: [UInt32]?
    /// Sums of products, where they were asked for.
    package let products: Products?

    /// Puts both together.
    package init(range: RangeStatistics, counts: [UInt32]?, products: Products?) {
        self.range = range
        self.counts = counts
        self.products = products
    }
}
