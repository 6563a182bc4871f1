// RIA's refinement of a dealt order (Zhang et al., ICLR 2024): one linear assignment for each place of the groups.

package import ESparseCore
import Synchronization

/// Takes the channels at one place out of all groups and deals them again in the best way, place after place.
///
/// What a group retains with a channel in the place does not depend on the other groups' channels there, so the best way is
/// a linear assignment with exact gains. A baseline: the local shuffle retains more in less time.
package struct AssignmentShuffle: Sendable {
    /// Channels that are assigned among each other, rounded down to a multiple of M; the table of gains grows with its
    /// square.
    package var blockSize: Int

    /// Makes the shuffle.
    package init(blockSize: Int = 4096) {
        precondition(blockSize > 0)
        self.blockSize = blockSize
    }

    /// Improves `permutation` for the stacked rows of `matrices`; `pattern.group` must divide the channels. Places are only
    /// changed inside a run of `runLength`, which M divides, where it is given.
    package func refine(
        _ permutation: Permutation, saliencies matrices: [SaliencyMatrix], pattern: SparsityPattern,
        runLength: Int? = nil, parallel: ParallelLoop
    ) -> Permutation {
        precondition(matrices.allSatisfy { $0.columns == permutation.count })
        let blocks = ChannelBlocks.ranges(
            of: permutation.count, runLength: runLength, size: blockSize, pattern: pattern)
        let results = Mutex([[Int32]](repeating: [], count: blocks.count))
        parallel(blocks.count) { index in
            let assigned = assign(permutation.order[blocks[index]], saliencies: matrices, pattern: pattern)
            results.withLock { $0[index] = assigned }
        }
        guard let refined = Permutation(results.withLock { $0 }.flatMap { $0 }) else {
            preconditionFailure("the parallel loop left out a block")
        }
        return refined
    }

    private func assign(
        _ channels: ArraySlice<Int32>, saliencies matrices: [SaliencyMatrix], pattern: SparsityPattern
    ) -> [Int32] {
        let (count, group) = (channels.count, pattern.group)
        let groupCount = count / group
        // Channels of one place lie side by side in the block: only they are candidates for it.
        let first = channels.startIndex
        let byPlace = (0..<count).map { channels[first + $0 % groupCount * group + $0 / groupCount] }
        let block = SaliencyBlock(matrices, channels: byPlace[...])
        // Numbered within the block.
        var order = (0..<count).map { Int32($0 % group * groupCount + $0 / group) }
        var gains = [Double](repeating: 0, count: groupCount * groupCount)
        for place in 0..<group {
            let candidates = place * groupCount..<(place + 1) * groupCount
            block.gains(order: order, pattern: pattern, place: place, channels: candidates, gains: &gains)
            for (receiver, giver) in LinearAssignment.maximal(gains, size: groupCount).enumerated() {
                order[receiver * group + place] = Int32(candidates.lowerBound + giver)
            }
        }
        return order.map { byPlace[Int($0)] }
    }
}
