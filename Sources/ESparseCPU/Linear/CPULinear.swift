// A linear layer on the CPU: picks a kernel, cuts the output into fixed tiles, and runs them on the pool.

internal import CESparseCPU
package import ESparseCore

/// A linear layer `y = x W^T + b`, dense or N:M, ready to run.
///
/// Weights stay where they lie (mapped checkpoint bytes) unless `Precision.bfloat16` has to round them or the instruction
/// set's kernels want them in panels, which replace them. Results do not depend on the number of threads: the output is cut into tiles that depend on R, C and T only.
package struct CPULinear: Sendable {
    let storage: WeightStorage
    /// How weights and inputs are rounded.
    package let precision: Precision
    /// The instructions our own kernels use.
    package let instructionSet: InstructionSet
    /// The data type of dense products of many tokens under bf16.
    package let denseArithmetic: DenseArithmetic
    /// What the choice of kernel depends on.
    package let traits: LinearTraits
    /// Who chooses the kernel for a number of tokens.
    var selection: KernelSelection

    /// Tokens of one pass at most, which bounds the scratch that holds the converted input.
    static let mostTokensAtOnce = 1024
    /// Channels of a tile of the input that a thread transposes before it takes other ones.
    private static let channelsAtOnce = 256

    /// Tokens of each pass over the weights but the last, which may have a few less: as few passes as can be, of one size.
    static func passTokens(_ tokens: Int) -> Int {
        let passes = max(1, (tokens + mostTokensAtOnce - 1) / mostTokensAtOnce)
        return (tokens + passes - 1) / passes
    }

    /// Prepares weights `[R, C]` and bias `[R]`; without a `profile` that knows them, kernels follow the built-in rules.
    ///
    /// - Throws: `KernelError` when a type or shape does not fit or the environment asks for a missing instruction set.
    package init(
        weight: LinearWeight, bias: Tensor?, precision: Precision, pool: ThreadPool,
        instructionSet: InstructionSet? = nil, denseArithmetic: DenseArithmetic = .preferred,
        profile: KernelProfile? = nil
    ) throws {
        let selected = try instructionSet ?? InstructionSet.selected()
        self.instructionSet = selected
        self.precision = precision
        self.denseArithmetic = denseArithmetic
        storage = try WeightStorage(
            weight: weight, bias: bias, precision: precision, kernels: selected.kernels, pool: pool)
        traits = LinearTraits(weight, precision: precision, instructionSet: selected)
        selection = profile?.selection(for: traits) ?? .rules
    }

    /// R: output channels.
    package var rows: Int { storage.rows }
    /// C: input channels.
    package var columns: Int { storage.columns }
    /// The pattern of the weights, nil when dense.
    package var pattern: SparsityPattern? { storage.pattern }
    /// Bytes of weights, bitmask and bias that a pass reads, mapped or owned.
    package var residentBytes: Int { storage.byteCount }

    /// Name of the kernel that runs for this many tokens, with its instruction set where it is one of ours.
    package func kernelName(tokens: Int) -> String { choice(tokens: tokens).kernel.name(instructionSet) }

    /// output `[T, R]` = (output +) input `[T, C]` W^T + b.
    ///
    /// `input` and `output` must not overlap.
    package func multiply(
        input: UnsafePointer<Float>, tokens: Int, output: UnsafeMutablePointer<Float>, accumulate: Bool,
        pool: ThreadPool
    ) {
        guard tokens > 0, rows > 0 else { return }
        let chunk = Self.passTokens(tokens)
        for first in stride(from: 0, to: tokens, by: chunk) {
            let count = min(chunk, tokens - first)
            nonisolated(unsafe) let target = unsafe output + first * rows
            unsafe forEachTile(input: input + first * columns, tokens: count, pool: pool) { tile, prepared in
                unsafe compute(
                    tile, prepared: prepared, output: target + tile.tokens.lowerBound * rows + tile.rows.lowerBound,
                    outputStride: rows, accumulate: accumulate)
            }
        }
    }

    /// A piece of the output.
    struct Tile {
        var rows: Range<Int>
        var tokens: Range<Int>
        var plan: LinearPlan
    }

    func plan(tokens: Int) -> LinearPlan {
        let kernel = choice(tokens: tokens).kernel
        if kernel == .fewTokens {
            return .few(
                rows: rows, rowByteCount: storage.rowByteCount, tokens: tokens, hasPanels: storage.panels != nil)
        }
        let unit = kernel.isSparse ? tileTokens(sparseKernels(kernel), tokens: tokens) : 16
        return .many(kernel: kernel, rows: rows, columns: columns, tokens: tokens, unit: unit)
    }

    /// The functions of a sparse kernel of many tokens.
    private func sparseKernels(_ kernel: LinearKernel) -> esparse_many_kernels {
        switch kernel {
        case .sparseManyTokens:
            let kernels = instructionSet.kernels
            return storage.panels == nil ? kernels.sparse_many : kernels.panels.many
        case .sparseBFloat16:
            if let kernels = KernelTable.avx512BFloat16?.linear { return kernels.sparse_many }
        default: break
        }
        preconditionFailure("\(kernel) is no sparse kernel of this build")
    }

    /// Tokens of a tile of the input of a sparse kernel.
    private func tileTokens(_ kernels: esparse_many_kernels, tokens: Int) -> Int {
        guard let size = kernels.tile_tokens else {
            preconditionFailure("\(instructionSet) has no sparse kernel of many tokens")
        }
        return Int(size(Int64(tokens)))
    }

    /// Converts the input once, then runs `body` for every tile of the output, in parallel.
    func forEachTile(
        input: UnsafePointer<Float>, tokens: Int, pool: ThreadPool,
        _ body: @Sendable (Tile, UnsafeRawPointer) -> Void
    ) {
        let plan = plan(tokens: tokens)
        if plan.kernel == .fewTokens { pool.lookahead.begin(storage.read) }
        let rowPieces = (rows + plan.rowTile - 1) / plan.rowTile
        let tokenPieces = (tokens + plan.tokenTile - 1) / plan.tokenTile
        nonisolated(unsafe) let prepared = unsafe prepare(input, tokens: tokens, plan: plan, pool: pool)
        pool.run(count: rowPieces * tokenPieces) { index in
            let row = index / tokenPieces * plan.rowTile
            let token = index % tokenPieces * plan.tokenTile
            let tile = Tile(
                rows: row..<min(row + plan.rowTile, rows), tokens: token..<min(token + plan.tokenTile, tokens),
                plan: plan)
            unsafe body(tile, prepared)
        }
    }

    /// Floats from one packed token to the next.
    private var packedStride: Int { LinearPlan.roundUp(columns, to: 32) }

    /// The input as the plan's kernel wants it: itself, or converted into this thread's scratch.
    private func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, pool: ThreadPool
    ) -> UnsafeRawPointer {
        let rounds: Int32 = precision == .bfloat16 ? 1 : 0
        let kernels = instructionSet.kernels
        nonisolated(unsafe) let source = unsafe input
        switch plan.kernel {
        case .fewTokens:
            let packed = unsafe ScratchSlot.input.memory(
                byteCount: LinearPlan.roundUp(tokens, to: 8) * packedStride * 4)
            unsafe storage.withRows(0..<0) { description in
                unsafe kernels.pack(
                    description, rounds, input, Int64(tokens), packed.assumingMemoryBound(to: Float.self),
                    Int64(packedStride))
            }
            return UnsafeRawPointer(packed)
        case .denseFloat32, .widenedFloat32:
            guard rounds != 0 else { return unsafe UnsafeRawPointer(input) }
            let memory = unsafe ScratchSlot.input.memory(byteCount: tokens * columns * 4)
            nonisolated(unsafe) let rounded = unsafe memory.assumingMemoryBound(to: Float.self)
            pool.run(count: (tokens + 31) / 32) { index in
                let first = index * 32 * columns
                let count = min(32 * columns, tokens * columns - first)
                unsafe kernels.round(source + first, rounded + first, Int64(count))
            }
            return unsafe UnsafeRawPointer(rounded)
        case .denseBFloat16, .expandedBFloat16:
            let memory = unsafe ScratchSlot.input.memory(byteCount: tokens * columns * 2)
            nonisolated(unsafe) let narrowed = unsafe memory.assumingMemoryBound(to: UInt16.self)
            pool.run(count: (tokens + 31) / 32) { index in
                let first = index * 32 * columns
                let count = min(32 * columns, tokens * columns - first)
                unsafe kernels.narrow(source + first, narrowed + first, Int64(count))
            }
            return unsafe UnsafeRawPointer(narrowed)
        case .sparseManyTokens, .sparseBFloat16:
            let sparse = sparseKernels(plan.kernel)
            let step = plan.tokenUnit
            let tileBytes = columns * step * Int(sparse.value_bytes)
            let tileCount = (tokens + step - 1) / step
            let pieces = (columns + Self.channelsAtOnce - 1) / Self.channelsAtOnce
            nonisolated(unsafe) let tiles = unsafe ScratchSlot.input.memory(byteCount: tileCount * tileBytes)
            pool.run(count: tileCount * pieces) { index in
                let (tile, piece) = index.quotientAndRemainder(dividingBy: pieces)
                let (first, channel) = (tile * step, piece * Self.channelsAtOnce)
                unsafe sparse.transpose(
                    rounds, source + first * columns, Int64(min(step, tokens - first)), Int64(columns), Int64(channel),
                    Int64(min(Self.channelsAtOnce, columns - channel)), Int64(step), tiles + tile * tileBytes)
            }
            return unsafe UnsafeRawPointer(tiles)
        }
    }

    /// Computes one tile on the calling thread; `output` points at its first element.
    func compute(
        _ tile: Tile, prepared: UnsafeRawPointer, output: UnsafeMutablePointer<Float>, outputStride: Int,
        accumulate: Bool
    ) {
        let kernels = instructionSet.kernels
        unsafe storage.withRows(tile.rows) { description in
            switch tile.plan.kernel {
            case .fewTokens:
                let packed = unsafe prepared.assumingMemoryBound(to: Float.self)
                unsafe kernels.few(
                    description, packed + tile.tokens.lowerBound * packedStride, Int64(packedStride),
                    Int64(tile.tokens.count), output, Int64(outputStride), accumulate ? 1 : 0)
            case .sparseManyTokens, .sparseBFloat16:
                let sparse = sparseKernels(tile.plan.kernel)
                let (unit, step) = (tile.plan.tokenUnit, tile.plan.tokenStep)
                let tokenBytes = columns * Int(sparse.value_bytes)
                let scratch = unsafe ScratchSlot.kernel.memory(
                    byteCount: sparse.scratch(description, Int64(step), Int64(unit)))
                for first in stride(from: tile.tokens.lowerBound, to: tile.tokens.upperBound, by: step) {
                    let count = min(step, tile.tokens.upperBound - first)
                    unsafe sparse.multiply(
                        description, prepared + first * tokenBytes, Int64(count), Int64(unit),
                        output + (first - tile.tokens.lowerBound) * outputStride, Int64(outputStride),
                        accumulate ? 1 : 0, scratch)
                }
            case .denseFloat32, .denseBFloat16:
                guard let weights = unsafe description.pointee.weights else { return }
                unsafe denseProduct(
                    tile, prepared: prepared, weights: weights, bias: description.pointee.bias, output: output,
                    outputStride: outputStride, accumulate: accumulate)
            case .widenedFloat32:
                let weights = unsafe ScratchSlot.weights.memory(byteCount: tile.rows.count * columns * 4)
                unsafe kernels.widen(description, weights.assumingMemoryBound(to: Float.self))
                unsafe denseProduct(
                    tile, prepared: prepared, weights: UnsafeRawPointer(weights), bias: description.pointee.bias,
                    output: output, outputStride: outputStride, accumulate: accumulate)
            case .expandedBFloat16:
                let weights = unsafe ScratchSlot.weights.memory(byteCount: tile.rows.count * columns * 2)
                unsafe kernels.expand(description, weights.assumingMemoryBound(to: UInt16.self))
                unsafe denseProduct(
                    tile, prepared: prepared, weights: UnsafeRawPointer(weights), bias: description.pointee.bias,
                    output: output, outputStride: outputStride, accumulate: accumulate)
            }
        }
    }

    /// A tile by oneDNN, `tokenStep` tokens at a time.
    private func denseProduct(
        _ tile: Tile, prepared: UnsafeRawPointer, weights: UnsafeRawPointer, bias: UnsafePointer<Float>?,
        output: UnsafeMutablePointer<Float>, outputStride: Int, accumulate: Bool
    ) {
        let isBFloat16 = tile.plan.kernel == .denseBFloat16 || tile.plan.kernel == .expandedBFloat16
        let inputBytes = columns * (isBFloat16 ? 2 : 4)
        for first in stride(from: tile.tokens.lowerBound, to: tile.tokens.upperBound, by: tile.plan.tokenStep) {
            let count = min(tile.plan.tokenStep, tile.tokens.upperBound - first)
            let product = unsafe DenseProduct.shared(
                DenseProduct.Shape(
                    tokens: count, rows: tile.rows.count, columns: columns, outputStride: outputStride,
                    isBFloat16: isBFloat16, hasBias: bias != nil, accumulates: accumulate))
            unsafe product.run(
                input: prepared + first * inputBytes, weights: weights, bias: bias,
                output: output + (first - tile.tokens.lowerBound) * outputStride)
        }
    }
}
