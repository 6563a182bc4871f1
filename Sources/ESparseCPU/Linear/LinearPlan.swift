// Which kernel a linear uses for a number of tokens, and how its output is cut. Never depends on the number of threads.

/// The ways to compute a linear.
package enum LinearKernel: String, Sendable, CaseIterable {
    /// Our matrix-vector kernels, straight on the stored weights (dense or sparse).
    case fewTokens = "few-tokens"
    /// oneDNN f32, on weights that are f32 already.
    case denseFloat32 = "onednn-f32"
    /// oneDNN f32, on tiles of weights widened (and expanded, where sparse) in scratch.
    case widenedFloat32 = "widen+onednn-f32"
    /// oneDNN bf16, on stored weights.
    case denseBFloat16 = "onednn-bf16"
    /// oneDNN bf16, on tiles of sparse weights expanded in scratch.
    case expandedBFloat16 = "expand+onednn-bf16"
    /// Our sparse product in f32 arithmetic, whose vectors hold one channel of many tokens.
    case sparseManyTokens = "sparse-many-tokens"
    /// Our sparse product by AVX-512 BF16, whose vectors hold two channels of many tokens.
    case sparseBFloat16 = "sparse-bf16"

    /// Whether it is one of our sparse products of many tokens.
    var isSparse: Bool { self == .sparseManyTokens || self == .sparseBFloat16 }

    /// The name that reports show: with the instruction set where the kernel is one of ours.
    package func name(_ instructionSet: InstructionSet) -> String {
        switch self {
        case .fewTokens, .sparseManyTokens: "\(rawValue)-\(instructionSet.rawValue)"
        case .denseFloat32, .widenedFloat32, .denseBFloat16, .expandedBFloat16, .sparseBFloat16: rawValue
        }
    }
}

/// How a linear's output `[T, R]` is cut into pieces: `rowTile` rows times `tokenTile` tokens, the latter computed in
/// steps of `tokenStep`, both multiples of `tokenUnit`: what a tile of a sparse kernel's input holds.
struct LinearPlan: Equatable {
    var kernel: LinearKernel
    var rowTile: Int
    var tokenTile: Int
    var tokenStep: Int
    var tokenUnit: Int

    /// Up to this many tokens a pass over the weights in memory is what costs, and our matrix-vector kernels win.
    ///
    /// Measured against oneDNN f32 on 576 x 576 to 4096 x 4096: AVX-512 is ahead at 32 tokens, level at 48. Processors
    /// that are chosen for bf16 have at least twice the rate there. AVX2 multiplies sparse weights with 12 tokens in 0.83 of
    /// the time that the kernels of many take, with 16 in 1.1 times.
    static func fewTokens(_ instructionSet: InstructionSet, _ arithmetic: DenseArithmetic, isSparse: Bool) -> Int {
        switch instructionSet {
        case .plain: 4
        case .neon: 32
        case .avx2 where isSparse: 12
        case .avx2, .avx512: arithmetic == .bfloat16 ? 16 : 32
        }
    }
    /// Tokens of one oneDNN call.
    private static let mostTokensAtOnce = 512
    /// Bytes of a tile of widened weights: it should stay in the second-level cache.
    private static let widenedTileBytes = 2 << 20
    /// Enough pieces that a few threads end together.
    private static let wantedPieces = 8

    /// Bytes of a tile of weights for few tokens: its eight streams through memory should last a while.
    private static let fewTokensTileBytes = 256 << 10

    /// Rows of the panels that one or two tokens are multiplied with at once.
    private static let panelRowsAtOnce = 32

    /// Tiles for few tokens; no fewer than 16 where there are rows enough, so that threads end together. Those of panels
    /// are whole runs of panels: one panel alone has too few sums to hide a multiply-add's latency.
    static func few(rows: Int, rowByteCount: Int, tokens: Int, hasPanels: Bool) -> LinearPlan {
        let unit = hasPanels ? panelRowsAtOnce : 8
        let tile = min(fewTokensTileBytes / max(rowByteCount, 1), rows / 16) / unit * unit
        return LinearPlan(
            kernel: .fewTokens, rowTile: max(unit, tile), tokenTile: max(tokens, 1), tokenStep: max(tokens, 1),
            tokenUnit: 1)
    }

    /// Tiles for many tokens, which are cut in multiples of `unit`.
    static func many(kernel: LinearKernel, rows: Int, columns: Int, tokens: Int, unit: Int) -> LinearPlan {
        let holdsTile = kernel == .widenedFloat32 || kernel == .expandedBFloat16
        let mostRows = holdsTile ? min(max(widenedTileBytes / (4 * max(columns, 1)) / 16 * 16, 64), 256) : 256
        let rowTile = min(max(roundUp((rows + 3) / 4, to: 16), 64), mostRows)
        let rowPieces = (rows + rowTile - 1) / rowTile
        // Few rows: cut the tokens too, but not below 64, where oneDNN becomes slow.
        let tokenPieces = max(1, min(tokens / 64, (wantedPieces + rowPieces - 1) / rowPieces))
        let tokenTile = roundUp((tokens + tokenPieces - 1) / tokenPieces, to: unit)
        // A last step of one unit would be a whole pass over the weights.
        let tokenStep =
            tokenTile < mostTokensAtOnce + unit ? tokenTile : max(mostTokensAtOnce / unit * unit, unit)
        return LinearPlan(
            kernel: kernel, rowTile: rowTile, tokenTile: tokenTile, tokenStep: tokenStep, tokenUnit: unit)
    }

    static func roundUp(_ value: Int, to unit: Int) -> Int { (value + unit - 1) / unit * unit }
}
