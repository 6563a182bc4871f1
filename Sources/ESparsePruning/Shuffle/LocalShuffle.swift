// Local block shuffle: inside blocks of channels, swaps between groups while the retained saliency rises.

package import ESparseCore
package import ESparseKernels
import Synchronization

/// Greedy swaps of channels between groups of a block, best first.
///
/// A swap's gain is exact: with `r_a[i]` the N-th largest saliency in row i among the other members of slot a's group and
/// `base_a` the sum of their N largest over rows, channel b in slot a makes the group retain
/// `base_a + sum_i max(0, S[i, b] - r_a[i])`. After a swap only the two groups it touched are computed anew.
package struct LocalShuffle: Sendable {
    /// What a local shuffle did.
    package struct Outcome: Sendable {
        /// The order of channels after the swaps.
        package let permutation: Permutation
        /// Sum of the saliencies that the mask keeps, before the swaps.
        package let retainedBefore: Double
        /// The same after them; never less.
        package let retainedAfter: Double
        /// Swaps made.
        package let swapCount: Int
    }

    /// Channels of a block; rounded down to a multiple of M. The last block may be smaller.
    package var blockSize: Int
    /// A swap must raise what its two groups retain, and what two groups of the block retain on average, by more than this
    /// share. Keeps rounding errors from being swapped back and forth.
    package var minimalGain: Double

    /// Makes the shuffle; `minimalGain` must be at least 1e-6, the rounding error of the gains.
    package init(blockSize: Int = 256, minimalGain: Double = 1e-5) {
        precondition(blockSize > 0 && minimalGain >= 1e-6)
        self.blockSize = blockSize
        self.minimalGain = minimalGain
    }

    /// Improves `permutation` for the stacked rows of `matrices`; `pattern.group` must divide the channels.
    ///
    /// The result depends neither on `parallel` nor on the machine. Ties go to the lowest slots.
    package func refine(
        _ permutation: Permutation, saliencies matrices: [SaliencyMatrix], pattern: SparsityPattern,
        parallel: ParallelLoop
    ) -> Outcome {
        precondition(permutation.count % pattern.group == 0)
        precondition(matrices.allSatisfy { $0.columns == permutation.count })
        let size = max(blockSize / pattern.group, 1) * pattern.group
        let count = (permutation.count + size - 1) / size
        let results = Mutex([BlockSwaps.Outcome?](repeating: nil, count: count))
        parallel(count) { index in
            let slots = (index * size)..<min((index + 1) * size, permutation.count)
            let channels = permutation.order[slots]
            var swaps = BlockSwaps(channels: channels, saliencies: matrices, pattern: pattern)
            let outcome = swaps.run(minimalGain: minimalGain)
            results.withLock { $0[index] = outcome }
        }
        let blocks = results.withLock { $0 }.compactMap { $0 }
        guard blocks.count == count, let refined = Permutation(blocks.flatMap(\.channels)) else {
            preconditionFailure("the parallel loop left out a block")
        }
        return Outcome(
            permutation: refined, retainedBefore: blocks.reduce(0) { $0 + $1.retainedBefore },
            retainedAfter: blocks.reduce(0) { $0 + $1.retainedAfter },
            swapCount: blocks.reduce(0) { $0 + $1.swapCount })
    }

    /// Sum of the saliencies that an N:M mask keeps under `permutation`.
    package func retainedSaliency(
        _ permutation: Permutation, saliencies matrices: [SaliencyMatrix], pattern: SparsityPattern,
        parallel: ParallelLoop
    ) -> Double {
        let size = max(blockSize / pattern.group, 1) * pattern.group
        let count = (permutation.count + size - 1) / size
        let results = Mutex([Double](repeating: 0, count: count))
        parallel(count) { index in
            let slots = (index * size)..<min((index + 1) * size, permutation.count)
            let channels = permutation.order[slots]
            let swaps = BlockSwaps(channels: channels, saliencies: matrices, pattern: pattern)
            results.withLock { $0[index] = swaps.retainedBefore }
        }
        return results.withLock { $0 }.reduce(0, +)
    }
}
