// The whole channel shuffle of one input site: which steps, in which order, and what each gained.

import ESparseCPU
public import ESparseCore

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

/// Finds the order of an input site's channels by the steps that `ShuffleSteps` names.
public struct ChannelShuffle: Sendable {
    /// The order found and what it retains, in the units of the objective (saliency or its square).
    public struct Outcome: Sendable, Equatable {
        /// The order of channels; nil where no step was taken.
        public let permutation: Permutation?
        /// Sum over all weights: what a dense matrix retains.
        public let total: Double
        /// Retained by the mask in the original order.
        public let retainedInOriginalOrder: Double
        /// Retained after the global shuffle; the same as before where it was not taken.
        public let retainedAfterGlobal: Double
        /// Retained in the end.
        public let retained: Double
        /// Swaps of the local shuffle.
        public let swapCount: Int
    }

    /// Which steps are taken.
    public var steps: ShuffleSteps
    /// The first step.
    package var global: GlobalShuffle
    /// The second step.
    package var local: LocalShuffle
    /// The second step of `assignment`.
    package var assignment: AssignmentShuffle

    /// Makes the shuffle.
    package init(
        steps: ShuffleSteps, global: GlobalShuffle = GlobalShuffle(), local: LocalShuffle,
        assignment: AssignmentShuffle = AssignmentShuffle()
    ) {
        self.steps = steps
        self.global = global
        self.local = local
        self.assignment = assignment
    }

    /// Makes the shuffle with blocks of `blockSize` channels, rounded down to a multiple of M, for its local step.
    public init(steps: ShuffleSteps = .both, blockSize: Int = 256) {
        self.init(steps: steps, local: LocalShuffle(blockSize: blockSize))
    }

    /// Searches an order for linears that share an input site; `pattern.group` must divide their columns. The result does not
    /// depend on `threadCount`.
    public func search(_ matrices: [SaliencyMatrix], pattern: SparsityPattern, threadCount: Int) -> Outcome {
        let pool = ThreadPool(threadCount: threadCount)
        return search(matrices, pattern: pattern) { pool.run(count: $0, $1) }
    }

    /// Searches an order for linears that share an input site, scored on any device; `pattern.group` must divide their columns.
    /// Channels stay in their run of `runLength`, which M divides, where it is given.
    ///
    /// - Throws: when the device fails.
    package func search<S: WeightSaliency>(
        _ saliencies: [S], pattern: SparsityPattern, runLength: Int? = nil, parallel: ParallelLoop
    ) throws(S.Failure) -> Outcome {
        let sums = try S.columnSums(of: saliencies)
        let original = Permutation.identity(sums.count)
        func retained(_ permutation: Permutation) throws(S.Failure) -> Double {
            try local.retainedSaliency(permutation, saliencies: saliencies, pattern: pattern, parallel: parallel)
        }
        let retainedBefore = try retained(original)
        func outcome(
            _ permutation: Permutation?, afterGlobal: Double, retained: Double, swapCount: Int = 0
        ) -> Outcome {
            Outcome(
                permutation: permutation, total: sums.reduce(0, +), retainedInOriginalOrder: retainedBefore,
                retainedAfterGlobal: afterGlobal, retained: retained, swapCount: swapCount)
        }
        let takesGlobal = steps != .none && steps != .local
        let start =
            takesGlobal ? global.permutation(columnSums: sums, pattern: pattern, runLength: runLength) : original
        switch steps {
        case .none:
            return outcome(nil, afterGlobal: retainedBefore, retained: retainedBefore)
        case .global:
            let dealt = try retained(start)
            return outcome(start, afterGlobal: dealt, retained: dealt)
        case .local, .both:
            let refined = try local.refine(
                start, saliencies: saliencies, pattern: pattern, runLength: runLength, parallel: parallel)
            return outcome(
                refined.permutation, afterGlobal: refined.retainedBefore, retained: refined.retainedAfter,
                swapCount: refined.swapCount)
        case .assignment:
            // A baseline: there is no kernel for it on a GPU.
            var matrices: [SaliencyMatrix] = []
            for saliency in saliencies {
                matrices.append(SaliencyMatrix(try saliency.hostValues(), columns: saliency.columns))
            }
            let assigned = assignment.refine(
                start, saliencies: matrices, pattern: pattern, runLength: runLength, parallel: parallel)
            return outcome(assigned, afterGlobal: try retained(start), retained: try retained(assigned))
        }
    }
}
