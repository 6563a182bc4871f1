// The whole channel shuffle of one input site: which steps, in which order, and what each won.

package import ESparseCore
package import ESparseKernels

/// Which steps a channel shuffle takes.
public enum ShuffleSteps: String, Sendable, Codable, CaseIterable {
    /// Channels keep their order.
    case none
    /// The global naive shuffle alone.
    case global
    /// The local block shuffle alone.
    case local
    /// Global, then local.
    case both
    /// RIA's: global, then a linear assignment for each place of the groups.
    case assignment
}

/// Finds the order of an input site's channels: global shuffle, then local shuffle, or one or none of them, or RIA's.
package struct ChannelShuffle: Sendable {
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
    package var steps: ShuffleSteps
    /// The first step.
    package var global: GlobalShuffle
    /// The second step.
    package var local: LocalShuffle
    /// The second step of `assignment`.
    package var assignment: AssignmentShuffle

    /// Makes the shuffle.
    package init(
        steps: ShuffleSteps = .both, global: GlobalShuffle = GlobalShuffle(), local: LocalShuffle = LocalShuffle(),
        assignment: AssignmentShuffle = AssignmentShuffle()
    ) {
        self.steps = steps
        self.global = global
        self.local = local
        self.assignment = assignment
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
        func outcome(
            _ permutation: Permutation?, afterGlobal: Double, retained: Double, swapCount: Int = 0
        ) -> Outcome {
            Outcome(
                permutation: permutation, total: sums.reduce(0, +), retainedInOriginalOrder: retainedBefore,
                retainedAfterGlobal: afterGlobal, retained: retained, swapCount: swapCount)
        }
        let takesGlobal = steps != .none && steps != .local
        let start = takesGlobal ? global.permutation(of: matrices, pattern: pattern) : original
        switch steps {
        case .none:
            return outcome(nil, afterGlobal: retainedBefore, retained: retainedBefore)
        case .global:
            let dealt = retained(start)
            return outcome(start, afterGlobal: dealt, retained: dealt)
        case .local, .both:
            let refined = local.refine(start, saliencies: matrices, pattern: pattern, parallel: parallel)
            return outcome(
                refined.permutation, afterGlobal: refined.retainedBefore, retained: refined.retainedAfter,
                swapCount: refined.swapCount)
        case .assignment:
            let assigned = assignment.refine(start, saliencies: matrices, pattern: pattern, parallel: parallel)
            return outcome(assigned, afterGlobal: retained(start), retained: retained(assigned))
        }
    }
}
