// Products of many tokens by oneDNN: the plan, the input's conversion and a tile, which the kernels that do so share.

internal import CESparseCPU
import ESparseCore

extension CPULinear {
    /// A plan for oneDNN; `holdsWeights` where a tile's weights are written out in scratch.
    func densePlan(tokens: Int, holdsWeights: Bool) -> LinearPlan {
        .many(rows: rows, columns: columns, tokens: tokens, unit: 16, holdsWeights: holdsWeights)
    }

    /// Tokens that a thread converts before it takes other ones.
    private static let convertedTokens = 32

    /// Input `[tokens, C]` itself, or, where precision asks for it, rounded to bf16 and kept as singles in this thread's
    /// scratch.
    func singles(_ input: UnsafePointer<Float>, tokens: Int, pool: ThreadPool) -> UnsafeRawPointer {
        guard precision == .bfloat16 else { return unsafe UnsafeRawPointer(input) }
        nonisolated(unsafe) let source = unsafe input
        nonisolated(unsafe) let rounded = unsafe ScratchSlot.input.memory(byteCount: tokens * columns * 4)
            .assumingMemoryBound(to: Float.self)
        forEachRun(tokens: tokens, pool: pool) { first, count in
            unsafe kernels.round(source + first, rounded + first, Int64(count))
        }
        return unsafe UnsafeRawPointer(rounded)
    }

    /// Input `[tokens, C]` as bf16 in this thread's scratch.
    func narrowed(_ input: UnsafePointer<Float>, tokens: Int, pool: ThreadPool) -> UnsafeRawPointer {
        nonisolated(unsafe) let source = unsafe input
        nonisolated(unsafe) let narrowed = unsafe ScratchSlot.input.memory(byteCount: tokens * columns * 2)
            .assumingMemoryBound(to: UInt16.self)
        forEachRun(tokens: tokens, pool: pool) { first, count in
            unsafe kernels.narrow(source + first, narrowed + first, Int64(count))
        }
        return unsafe UnsafeRawPointer(narrowed)
    }

    /// Calls `body` with first and number of the values `[tokens, C]` of each run of tokens, in parallel.
    private func forEachRun(tokens: Int, pool: ThreadPool, _ body: @Sendable (_ first: Int, _ count: Int) -> Void) {
        let size = Self.convertedTokens * columns
        pool.run(count: (tokens + Self.convertedTokens - 1) / Self.convertedTokens) { index in
            body(index * size, min(size, tokens * columns - index * size))
        }
    }

    /// A tile of the output from its weights `[tile.rows, C]` of the type of `arithmetic`, `tokenStep` tokens at a time.
    func computeDense(
        _ tile: LinearTile, _ arithmetic: DenseArithmetic, prepared: UnsafeRawPointer, weights: UnsafeRawPointer,
        bias: UnsafePointer<Float>?, output: TileOutput
    ) {
        let isBFloat16 = arithmetic == .bfloat16
        let inputBytes = columns * arithmetic.byteCount
        for first in stride(from: tile.tokens.lowerBound, to: tile.tokens.upperBound, by: tile.plan.tokenStep) {
            let count = min(tile.plan.tokenStep, tile.tokens.upperBound - first)
            let target = unsafe output.dropping(tokens: first - tile.tokens.lowerBound)
            let product = unsafe DenseProduct.shared(
                DenseProduct.Shape(
                    tokens: count, rows: tile.rows.count, columns: columns, outputStride: target.stride,
                    isBFloat16: isBFloat16, hasBias: bias != nil, accumulates: target.accumulates))
            unsafe product.run(
                input: prepared + first * inputBytes, weights: weights, bias: bias, output: target.start)
        }
    }
}
