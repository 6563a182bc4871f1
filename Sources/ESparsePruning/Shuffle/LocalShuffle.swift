// Local block shuffle: inside blocks of channels, swaps between groups while the retained saliency rises.

package import ESparseCore
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
    /// share; else rounding errors would be swapped back and forth.
    package var minimalGain: Double

    /// Makes the shuffle; `minimalGain` must be at least 1e-6, the rounding error of the gains.
    package init(blockSize: Int = 256, minimalGain: Double = 1e-5) {
        precondition(blockSize > 0 && minimalGain >= 1e-6)
        self.blockSize = blockSize
        self.minimalGain = minimalGain
    }

    /// Improves `permutation` for the stacked rows of `saliencies`; `pattern.group` must divide the channels.
    ///
    /// Places are only changed inside a run of `runLength`, which M divides, where it is given. The result depends neither on
    /// `parallel` nor on the device. Ties go to the lowest slots.
    /// - Throws: when the device fails.
    package func refine<S: WeightSaliency>(
        _ permutation: Permutation, saliencies: [S], pattern: SparsityPattern, runLength: Int? = nil,
        parallel: ParallelLoop
    ) throws(S.Failure) -> Outcome {
        let blocks = try forBlocks(of: permutation, saliencies, pattern, runLength, parallel) {
            (table, channels) throws(S.Failure) -> [BlockSwaps.Outcome] in
            try search(table, channels, pattern)
        }
        guard let refined = Permutation(blocks.flatMap(\.channels)) else {
            preconditionFailure("swaps are a bijection")
        }
        return Outcome(
            permutation: refined, retainedBefore: blocks.reduce(0) { $0 + $1.retainedBefore },
            retainedAfter: blocks.reduce(0) { $0 + $1.retainedAfter },
            swapCount: blocks.reduce(0) { $0 + $1.swapCount })
    }

    /// Sum of the saliencies that an N:M mask keeps under `permutation`.
    ///
    /// - Throws: when the device fails.
    package func retainedSaliency<S: WeightSaliency>(
        _ permutation: Permutation, saliencies: [S], pattern: SparsityPattern, parallel: ParallelLoop
    ) throws(S.Failure) -> Double {
        try forBlocks(of: permutation, saliencies, pattern, nil, parallel) {
            (table, channels) throws(S.Failure) -> [Double] in
            var tables = channels.indices.map { block in
                SwapGains(block: block, count: channels[block].count, pattern: pattern, withGains: false)
            }
            try table.refresh(&tables)
            return tables.map { $0.totals.reduce(0, +) }
        }.reduce(0, +)
    }

    /// Makes the best swap of every block, and again, until no block has one that gains enough.
    private func search<Table: SwapTable>(
        _ table: Table, _ channels: [[Int32]], _ pattern: SparsityPattern
    ) throws(Table.Failure) -> [BlockSwaps.Outcome] {
        var tables = channels.indices.map { block in
            SwapGains(block: block, count: channels[block].count, pattern: pattern, withGains: true)
        }
        try table.refresh(&tables)
        var searches = channels.indices.map { block in
            BlockSwaps(channels: channels[block], table: tables[block], pattern: pattern, minimalGain: minimalGain)
        }
        var unfinished = Array(channels.indices)
        while !unfinished.isEmpty {
            unfinished = unfinished.filter { searches[$0].swap(&tables[$0]) }
            try table.refresh(&tables)
            for block in unfinished { searches[block].update(tables[block]) }
        }
        return channels.indices.map { searches[$0].outcome(tables[$0]) }
    }

    /// What `body` finds for each block; a table holds as many blocks as the device takes in step.
    private func forBlocks<S: WeightSaliency, Found: Sendable>(
        of permutation: Permutation, _ saliencies: [S], _ pattern: SparsityPattern, _ runLength: Int?,
        _ parallel: ParallelLoop,
        _ body: @escaping @Sendable (S.Swaps, [[Int32]]) throws(S.Failure) -> [Found]
    ) throws(S.Failure) -> [Found] {
        precondition(saliencies.allSatisfy { $0.columns == permutation.count })
        let blocks = ChannelBlocks.ranges(
            of: permutation.count, runLength: runLength, size: blockSize, pattern: pattern
        ).map { Array(permutation.order[$0]) }
        let inStep = S.blocksInStep
        let count = (blocks.count + inStep - 1) / inStep
        let results = Mutex([Result<[Found], S.Failure>?](repeating: nil, count: count))
        parallel(count) { index in
            let channels = Array(blocks[(index * inStep)..<min((index + 1) * inStep, blocks.count)])
            let result = Result { () throws(S.Failure) -> [Found] in
                try body(try S.swapTable(of: saliencies, blocks: channels, pattern: pattern), channels)
            }
            results.withLock { $0[index] = result }
        }
        var found: [Found] = []
        for result in results.withLock({ $0 }) { found += try result?.get() ?? [] }
        precondition(found.count == blocks.count, "the parallel loop left out a block")
        return found
    }
}
