// A linear layer on the CPU: packs weights, resolves kernels, and runs the tiles of a pass on the pool.

internal import CESparseCPU
package import ESparseCore

/// A linear layer `y = x W^T + b`, dense or N:M, ready to run.
///
/// Weights stay where they lie (mapped checkpoint bytes) unless `Precision.bfloat16` has to round them or another
/// `WeightFormat` suits the instruction set's kernels better, which replaces them. Results do not depend on the number of
/// threads: the output is cut into tiles that depend on R, C and T only.
package struct CPULinear: Sendable {
    let storage: WeightStorage
    /// How weights and inputs are rounded.
    package let precision: Precision
    /// The instructions our own kernels use.
    package let instructionSet: InstructionSet
    /// Their C functions.
    let kernels: esparse_linear_kernels
    /// The data type of dense products of many tokens under bf16.
    package let denseArithmetic: DenseArithmetic
    /// What the choice of kernel depends on.
    package let traits: LinearTraits
    /// Who chooses the kernel for a number of tokens.
    private(set) var selection: KernelSelection<KernelName>
    /// What `selection` chooses.
    private var schedule: KernelSchedule

    /// Tokens of one pass at most, which bounds the scratch that holds the converted input.
    static let mostTokensAtOnce = 1024

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
        profile: KernelProfile<LinearTraits>? = nil
    ) throws {
        let selected = try instructionSet ?? InstructionSet.selected()
        self.instructionSet = selected
        kernels = selected.kernels
        self.precision = precision
        self.denseArithmetic = denseArithmetic
        storage = try WeightStorage(
            weight: weight, bias: bias, precision: precision, kernels: kernels, pool: pool)
        traits = LinearTraits(weight, precision: precision, instructionSet: selected)
        selection = KernelSelection(profile, for: traits, kernel: \.kernel)
        schedule = try KernelSchedule(
            selection, traits: traits, storage: storage, arithmetic: denseArithmetic)
    }

    /// R: output channels.
    package var rows: Int { storage.rows }
    /// C: input channels.
    package var columns: Int { storage.columns }
    /// The pattern of the weights, nil when dense.
    package var pattern: SparsityPattern? { storage.pattern }
    /// Bytes of weights, bitmask and bias that a pass reads, mapped or owned.
    package var residentBytes: Int { storage.byteCount }

    /// Whether kernels round the input to bf16, as C takes it.
    var roundsInput: Int32 { precision == .bfloat16 ? 1 : 0 }

    /// What is known of the kernel that runs for this many tokens; many are multiplied in passes.
    package func kernel(tokens: Int) -> KernelProperties {
        schedule.kernel(tokens: Self.passTokens(tokens)).properties
    }

    /// Name of the kernel that runs for this many tokens, with its instruction set where it is one of ours.
    package func kernelName(tokens: Int) -> String { kernel(tokens: tokens).shownName(instructionSet) }

    /// The same linear with one kernel for any number of tokens, one of `traits.possibleKernels`.
    package func using(_ kernel: KernelName) -> CPULinear {
        var linear = self
        linear.selection = .fixed(kernel)
        do {
            linear.schedule = try KernelSchedule(
                linear.selection, traits: traits, storage: storage, arithmetic: denseArithmetic)
        } catch { preconditionFailure("\(error)") }
        return linear
    }

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
            let pass = pass(tokens: min(chunk, tokens - first))
            nonisolated(unsafe) let target = unsafe output + first * rows
            unsafe run(pass, input: input + first * columns, pool: pool) { tile, prepared in
                let place = unsafe target + tile.tokens.lowerBound * rows + tile.rows.lowerBound
                unsafe pass.kernel.compute(
                    tile, linear: self, prepared: prepared,
                    output: TileOutput(start: place, stride: rows, accumulates: accumulate))
            }
        }
    }

    /// One pass over the weights: its kernel, and how the output is cut.
    struct Pass {
        let tokens: Int
        let kernel: any LinearKernel
        let plan: LinearPlan
    }

    /// The pass of so many tokens.
    func pass(tokens: Int) -> Pass {
        let kernel = schedule.kernel(tokens: tokens)
        return Pass(tokens: tokens, kernel: kernel, plan: kernel.plan(self, tokens: tokens))
    }

    /// Converts the input `[pass.tokens, C]` once, then runs `body` for every tile of the output, in parallel.
    func run(
        _ pass: Pass, input: UnsafePointer<Float>, pool: ThreadPool,
        _ body: @Sendable (LinearTile, UnsafeRawPointer) -> Void
    ) {
        let (plan, tokens) = (pass.plan, pass.tokens)
        if pass.kernel.properties.cost == .weightPass { pool.lookahead.begin(storage.read) }
        let rowPieces = (rows + plan.rowTile - 1) / plan.rowTile
        let tokenPieces = (tokens + plan.tokenTile - 1) / plan.tokenTile
        nonisolated(unsafe) let prepared = unsafe pass.kernel.prepare(
            input, tokens: tokens, plan: plan, linear: self, pool: pool)
        pool.run(count: rowPieces * tokenPieces) { index in
            let row = index / tokenPieces * plan.rowTile
            let token = index % tokenPieces * plan.tokenTile
            let tile = LinearTile(
                rows: row..<min(row + plan.rowTile, rows), tokens: token..<min(token + plan.tokenTile, tokens),
                plan: plan)
            unsafe body(tile, prepared)
        }
    }
}
