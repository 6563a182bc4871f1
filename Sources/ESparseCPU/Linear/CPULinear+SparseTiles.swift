// Sparse products of many tokens, from input transposed into tiles of tokens: what the kernels that do so share.

internal import CESparseCPU

extension CPULinear {
    /// Channels of a tile of the input that a thread transposes before it takes other ones.
    private static let channelsAtOnce = 256

    /// A plan whose tiles hold as many tokens as suit the functions.
    func sparsePlan(_ functions: esparse_many_kernels, tokens: Int) -> LinearPlan {
        guard let tileTokens = functions.tile_tokens else {
            preconditionFailure("\(instructionSet) has no sparse kernel of many tokens")
        }
        return .many(
            rows: rows, columns: columns, tokens: tokens, unit: Int(tileTokens(Int64(tokens))), holdsWeights: false)
    }

    /// Input `[tokens, C]` as tiles `[C, plan.tokenUnit]` one behind the other, in this thread's scratch.
    func transposed(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, functions: esparse_many_kernels,
        pool: ThreadPool
    ) -> UnsafeRawPointer {
        let step = plan.tokenUnit
        let tileBytes = columns * step * Int(functions.value_bytes)
        let tileCount = (tokens + step - 1) / step
        let pieces = (columns + Self.channelsAtOnce - 1) / Self.channelsAtOnce
        nonisolated(unsafe) let source = unsafe input
        nonisolated(unsafe) let tiles = unsafe ScratchSlot.input.memory(byteCount: tileCount * tileBytes)
        pool.run(count: tileCount * pieces) { index in
            let (tile, piece) = index.quotientAndRemainder(dividingBy: pieces)
            let (first, channel) = (tile * step, piece * Self.channelsAtOnce)
            unsafe functions.transpose(
                roundsInput, source + first * columns, Int64(min(step, tokens - first)), Int64(columns),
                Int64(channel), Int64(min(Self.channelsAtOnce, columns - channel)), Int64(step),
                tiles + tile * tileBytes)
        }
        return unsafe UnsafeRawPointer(tiles)
    }

    /// A tile of the output, `tokenStep` tokens at a time.
    func computeSparse(
        _ tile: LinearTile, prepared: UnsafeRawPointer, output: TileOutput, functions: esparse_many_kernels
    ) {
        let (unit, step) = (tile.plan.tokenUnit, tile.plan.tokenStep)
        let tokenBytes = columns * Int(functions.value_bytes)
        unsafe storage.withRows(tile.rows) { description in
            let scratch = unsafe ScratchSlot.kernel.memory(
                byteCount: functions.scratch(description, Int64(step), Int64(unit)))
            for first in stride(from: tile.tokens.lowerBound, to: tile.tokens.upperBound, by: step) {
                let count = min(step, tile.tokens.upperBound - first)
                let target = unsafe output.dropping(tokens: first - tile.tokens.lowerBound)
                unsafe functions.multiply(
                    description, prepared + first * tokenBytes, Int64(count), Int64(unit), target.start,
                    Int64(target.stride), target.accumulateCode, scratch)
            }
        }
    }
}
