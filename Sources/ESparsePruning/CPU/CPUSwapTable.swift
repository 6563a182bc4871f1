// What swaps of channels gain, by the processor's kernel.

package import ESparseCore

/// Blocks of channels in the kernel's layout.
package struct CPUSwapTable: SwapTable {
    package typealias Failure = Never

    let blocks: [SaliencyBlock]
    let pattern: SparsityPattern

    package func refresh(_ tables: inout [SwapGains]) {
        for index in tables.indices where !tables[index].stale.isEmpty {
            tables[index].refresh(from: blocks[tables[index].block], pattern: pattern)
        }
    }
}

extension SwapGains {
    fileprivate mutating func refresh(from block: SaliencyBlock, pattern: SparsityPattern) {
        if gains.isEmpty {
            block.totals(order: order, pattern: pattern, groups: stale, totals: &totals)
        } else {
            block.gains(order: order, pattern: pattern, groups: stale, gains: &gains, totals: &totals)
        }
        stale = []
    }
}
