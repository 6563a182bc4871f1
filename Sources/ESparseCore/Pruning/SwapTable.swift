// What swaps of channels inside blocks gain: the question that the local shuffle asks a device again and again.

/// Saliencies of some blocks of channels, laid out to tell what swaps gain. It belongs to one search at a time.
package protocol SwapTable {
    /// How the device fails.
    associatedtype Failure: Error
    /// Computes the stale groups of all blocks anew; then none is stale.
    ///
    /// - Throws: when the device fails.
    func refresh(_ blocks: inout [SwapGains]) throws(Failure)
}

/// The gains of one block of the local shuffle, as its search reads them.
package struct SwapGains: Sendable {
    /// Number of the block in its table.
    package let block: Int
    /// Channel of the block in each slot, numbered within the block.
    package var order: [Int32]
    /// Groups whose figures are out of date.
    package var stale: [Int32]
    /// What each group retains, `[groups]`.
    package var totals: [Double]
    /// What a slot's group would retain with a channel in the slot, `[slot, channel]`, undefined for the group's own members; empty
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
