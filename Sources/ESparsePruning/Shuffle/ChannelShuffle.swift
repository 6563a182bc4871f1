// The whole channel shuffle of one input site: which steps, in which order, and what each won.

package import ESparseCore
package import ESparseKernels

/// Finds the order of an input site's channels: global shuffle, then local shuffle, or one or none of them.
package struct ChannelShuffle: Sendable {
    /// Which steps are taken.
    package enum Steps: String, Sendable, Codable, CaseIterable {
        case none, global, local, both
    }

    /// The order found and what it retains, in the units of the objective (saliency or its square).
    package struct Outcome: Sendable, Equatable {
        /// The order of channels; nil where no step was taken.
        package let permutation: Permutation?
        /// Sum over all weights: what a dense matrix retains.
        package let total: Double
        /// Retained by the mask in the original order.
        package let retainedInOriginalOrder: Double
        /// Retained after the global shuffle; the same as before where it was not taken.
        package let retainedAfterGlobal: Double
        /// Retained in the end.
        package let retained: Double
        /// Swaps of the local shuffle.
        package let swapCount: Int
    }

    /// Which steps are taken.
    package var steps: Steps
    /// The first step.
    package var global: GlobalShuffle
    /// The second step.
    package var local: LocalShuffle

    /// Makes the shuffle.
    package init(steps: Steps = .both, global: GlobalShuffle = GlobalShuffle(), local: LocalShuffle = LocalShuffle()) {
        self.steps = steps
        self.global = global
        self.local = local
    }

    /// Searches an order for linears that share an input site; `pattern.group` must divide their columns.
    package func search(
        _ matrices: [SaliencyMatrix], pattern: SparsityPattern, parallel: ParallelLoop
    ) -> Outcome {
        let sums = GlobalShuffle.columnSums(of: matrices)
        let original = Permutation.identity(sums.count)
        func retained(_ permutation: Permutation) -> Double {
            local.retainedSaliency(permutation, saliencies: matrices, pattern: pattern, parallel: parallel)
        }
        let retainedBefore = retained(original)
        let takesGlobal = steps == .global || steps == .both
        let dealt = takesGlobal ? global.permutation(of: matrices, pattern: pattern) : original
        guard steps == .local || steps == .both else {
            let retainedAfter = takesGlobal ? retained(dealt) : retainedBefore
            return Outcome(
                permutation: takesGlobal ? dealt : nil, total: sums.reduce(0, +),
                retainedInOriginalOrder: retainedBefore,
                retainedAfterGlobal: retainedAfter, retained: retainedAfter, swapCount: 0)
        }
        let refined = local.refine(dealt, saliencies: matrices, pattern: pattern, parallel: parallel)
        return Outcome(
            permutation: refined.permutation, total: sums.reduce(0, +), retainedInOriginalOrder: retainedBefore,
            retainedAfterGlobal: refined.retainedBefore, retained: refined.retainedAfter, swapCount: refined.swapCount)
    }
}
