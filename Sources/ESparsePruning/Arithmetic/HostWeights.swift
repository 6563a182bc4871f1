// The arithmetic of pruning on the processor.

import ESparseCPU
package import ESparseCore

/// Scores, swaps and refinement by the processor's kernels, on the threads of the loops that it is given.
package struct HostWeights: WeightArithmetic {
    /// Makes the arithmetic; it has no state.
    package init() {}

    /// Threads take a block each, and one block's layout is in memory for each of them.
    package var blocksInStep: Int { 1 }

    package func scores(of weight: Tensor, factors: [Float]) throws -> any WeightScores {
        let values = weightedMagnitudes(
            try weight.floats(), rows: weight.rows, columns: weight.columns, factors: factors)
        return HostScores(matrix: SaliencyMatrix(values, columns: weight.columns), weight: weight)
    }

    package func scores(of weight: Tensor, saliency: [Float]) -> any WeightScores {
        HostScores(matrix: SaliencyMatrix(saliency, columns: weight.columns), weight: weight)
    }

    package func columnSums(of scores: [any WeightScores]) throws -> [Double] {
        GlobalShuffle.columnSums(of: try scores.map { SaliencyMatrix(try $0.values(), columns: $0.columns) })
    }

    package func swapTable(
        of scores: [any WeightScores], blocks: [[Int32]], pattern: SparsityPattern
    ) throws -> any SwapTable {
        let rows = max(scores.reduce(0) { $0 + $1.rows }, 1)
        let laidOut = try blocks.map { channels in
            let block = SaliencyBlock(channelCount: channels.count, rows: rows)
            var row = 0
            for matrix in scores {
                block.fill(
                    from: try matrix.values(), columns: matrix.columns, channels: channels[...], firstRow: row)
                row += matrix.rows
            }
            return block
        }
        return HostSwapTable(blocks: laidOut, pattern: pattern)
    }

    package func refiner(
        products: any ChannelProducts, order: Permutation?, pattern: SparsityPattern
    ) throws -> (any MaskRefiner)? {
        let hessian = try Hessian(products)
        guard let matrix = hessian.matrix(order: order, damping: RefinementLimits.damping) else { return nil }
        return HostRefiner(
            refinement: MaskRefinement(hessian: matrix, channels: products.channels, pattern: pattern), order: order)
    }
}

/// Saliencies in memory.
struct HostScores: WeightScores {
    let matrix: SaliencyMatrix
    /// The weights, `[rows, columns]`; nil where only their saliencies are known.
    let weight: Tensor?

    var rows: Int { matrix.rows }
    var columns: Int { matrix.columns }

    func values() -> [Float] { matrix.values }

    func firstNonFinite() -> Int? { matrix.values.firstIndex { !$0.isFinite } }

    func maskBits(pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop) -> [UInt8] {
        Mask.bits(
            saliency: matrix.values, rows: rows, columns: columns, pattern: pattern, permutation: order,
            parallel: parallel)
    }

    func retainedShare(bits: [UInt8], order: Permutation?) -> Double? {
        Mask.retainedShare(of: matrix.values, bits: bits, columns: columns, permutation: order)
    }
}

/// Blocks in the layout of the processor's kernel.
private struct HostSwapTable: SwapTable {
    let blocks: [SaliencyBlock]
    let pattern: SparsityPattern

    func refresh(_ tables: inout [SwapGains]) {
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

private struct HostRefiner: MaskRefiner {
    let refinement: MaskRefinement
    let order: Permutation?

    func refine(
        _ bits: inout [UInt8], of scores: any WeightScores, parallel: ParallelLoop
    ) throws -> (before: Double, after: Double) {
        guard let weight = (scores as? HostScores)?.weight else {
            preconditionFailure("the weights were scored elsewhere")
        }
        let ordered = order.map { weight.gatheringColumns($0.order) } ?? weight
        return refinement.run(bits: &bits, weight: try ordered.floats(), rows: weight.rows, parallel: parallel)
    }
}
