// What pruning does with weights once the statistics are known, wherever it is done: the pipeline is written once on these protocols.

/// One linear's weights and their saliencies, `[rows, columns]`, where they were computed.
package protocol WeightScores: Sendable {
    /// Output channels.
    var rows: Int { get }
    /// Input channels.
    var columns: Int { get }
    /// The saliencies on the host, row-major, in the original order of columns.
    ///
    /// - Throws: when a device fails.
    func values() throws -> [Float]
    /// Row-major index of the first saliency that is not finite.
    ///
    /// - Throws: when a device fails.
    func firstNonFinite() throws -> Int?
    /// Bits of the N:M mask, `[rows, (columns + 7) / 8]` in permuted order as `SparseMatrix` holds them: of each group the N largest
    /// saliencies, ties the lower place.
    ///
    /// - Throws: when a device fails.
    func maskBits(pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop) throws -> [UInt8]
    /// The share of all saliency that bits of a mask in the order `order` keep; nil where all of it is 0.
    ///
    /// - Throws: when a device fails.
    func retainedShare(bits: [UInt8], order: Permutation?) throws -> Double?
}

/// The gains of one block of the local shuffle, as its search reads them.
package struct SwapGains: Sendable {
    /// Number of the block in its table.
    package let block: Int
    /// Channel of the block in each slot, numbered within the block.
    package var order: [Int32]
    /// Groups whose figures do not hold any more.
    package var stale: [Int32]
    /// What each group retains, `[groups]`.
    package var totals: [Double]
    /// What a slot's group would retain with a channel in the slot, `[slot, channel]`, not told for the group's own members; empty
    /// where only totals are asked for.
    package var gains: [Double]

    /// A block of `count` channels in their order, all groups stale.
    package init(block: Int, count: Int, pattern: SparsityPattern, withGains: Bool) {
        precondition(count > 0 && count % pattern.group == 0)
        self.block = block
        order = (0..<Int32(count)).map { $0 }
        stale = (0..<Int32(count / pattern.group)).map { $0 }
        totals = [Double](repeating: 0, count: count / pattern.group)
        gains = withGains ? [Double](repeating: 0, count: count * count) : []
    }
}

/// Saliencies of some blocks of channels, laid out to tell what swaps gain.
/// It belongs to one search at a time.
package protocol SwapTable {
    /// Computes the stale groups of all blocks anew; then none is stale.
    ///
    /// - Throws: when a device fails.
    func refresh(_ blocks: inout [SwapGains]) throws
}

/// Better masks for the weights of one input site, from the sums of its inputs' products.
package protocol MaskRefiner: Sendable {
    /// Refines the mask of one linear in the site's order; `scores` hold its weights.
    ///
    /// - Parameter bits: `[rows, (columns + 7) / 8]` as `SparseMatrix` holds them, N of each group set; stays so.
    /// - Returns: `d H d^T` summed over rows, before and after, with d the dropped weights of a row.
    /// - Throws: when a device fails.
    func refine(
        _ bits: inout [UInt8], of scores: any WeightScores, parallel: ParallelLoop
    ) throws -> (before: Double, after: Double)
}

/// How far a mask is refined, wherever it is done.
package enum RefinementLimits {
    /// Share of the Hessian's mean diagonal to add to it before: few calibration tokens make channels look more alike than
    /// they are.
    package static let damping = 0.01
    /// The most rounds over a row's groups; each lowers the error, so it may stop anywhere.
    package static let rounds = 8
    /// An exchange must lower the row's error by more than this share of it, which is above the rounding of single precision.
    package static let smallestGain: Float = 1e-6
}

/// Scores weights, tells gains of swaps and refines masks; scores and products are handed back only to the arithmetic that made them.
package protocol WeightArithmetic: Sendable {
    /// Blocks of the local shuffle whose swaps are made in step, so that one call tells the gains of all.
    var blocksInStep: Int { get }
    /// `|W_ij| * factors[j]` of a weight `[rows, columns]`.
    ///
    /// - Throws: for an element type that has no place here; when a device fails.
    func scores(of weight: Tensor, factors: [Float]) throws -> any WeightScores
    /// Saliencies that were computed on the host, `[rows, columns]`, row-major.
    ///
    /// - Throws: as above.
    func scores(of weight: Tensor, saliency: [Float]) throws -> any WeightScores
    /// Sum of each column over the rows of all matrices, in order, `[columns]`.
    ///
    /// - Throws: when a device fails.
    func columnSums(of scores: [any WeightScores]) throws -> [Double]
    /// Lays the stacked rows of all matrices out for swaps inside blocks; a block is the channels in its slots.
    ///
    /// - Throws: when a device fails.
    func swapTable(
        of scores: [any WeightScores], blocks: [[Int32]], pattern: SparsityPattern
    ) throws -> any SwapTable
    /// Refines masks by `H = 2 / T X^T X`, damped by `RefinementLimits.damping`, channels in the order `order`.
    ///
    /// - Returns: nil where the sums overflowed.
    /// - Throws: when a device fails.
    func refiner(
        products: any ChannelProducts, order: Permutation?, pattern: SparsityPattern
    ) throws -> (any MaskRefiner)?
}

/// Where the arithmetic of pruning is done beside a backend.
package struct PruningDevice<Activation>: Sendable {
    /// Gathers statistics.
    package let calibration: any CalibrationArithmetic<Activation>
    /// Prunes weights.
    package let weights: any WeightArithmetic

    /// Puts both together.
    package init(calibration: any CalibrationArithmetic<Activation>, weights: any WeightArithmetic) {
        self.calibration = calibration
        self.weights = weights
    }
}
