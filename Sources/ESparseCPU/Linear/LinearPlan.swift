// How the output of a linear is cut into tiles. Never depends on the number of threads.

/// How a linear's output `[T, R]` is cut into pieces: `rowTile` rows times `tokenTile` tokens, the latter computed in
/// steps of `tokenStep`, both multiples of `tokenUnit`: what a tile of a sparse kernel's input holds.
struct LinearPlan: Equatable {
    var rowTile: Int
    var tokenTile: Int
    var tokenStep: Int
    var tokenUnit: Int

    /// Tokens of one oneDNN call.
    private static let mostTokensAtOnce = 512
    /// Bytes of a tile of widened weights: it should stay in the second-level cache.
    private static let widenedTileBytes = 2 << 20
    /// Enough pieces that a few threads end together.
    private static let wantedPieces = 8

    /// Bytes of a tile of weights for few tokens: its eight streams through memory should last a while.
    private static let fewTokensTileBytes = 256 << 10

    /// Tiles for few tokens, whose rows are a multiple of `unit`; no fewer than 16 where there are rows enough, so that
    /// threads end together.
    static func few(rows: Int, rowByteCount: Int, tokens: Int, unit: Int) -> LinearPlan {
        let tile = min(fewTokensTileBytes / max(rowByteCount, 1), rows / 16) / unit * unit
        return LinearPlan(
            rowTile: max(unit, tile), tokenTile: max(tokens, 1), tokenStep: max(tokens, 1), tokenUnit: 1)
    }

    /// Tiles for many tokens, which are cut in multiples of `unit`; `holdsWeights` where a tile's weights are written out.
    static func many(rows: Int, columns: Int, tokens: Int, unit: Int, holdsWeights: Bool) -> LinearPlan {
        let mostRows = holdsWeights ? min(max(widenedTileBytes / (4 * max(columns, 1)) / 16 * 16, 64), 256) : 256
        let rowTile = min(max(roundUp((rows + 3) / 4, to: 16), 64), mostRows)
        let rowPieces = (rows + rowTile - 1) / rowTile
        // Few rows: cut the tokens too, but not below 64, where oneDNN becomes slow.
        let tokenPieces = max(1, min(tokens / 64, (wantedPieces + rowPieces - 1) / rowPieces))
        let tokenTile = roundUp((tokens + tokenPieces - 1) / tokenPieces, to: unit)
        // A last step of one unit would be a whole pass over the weights.
        let tokenStep =
            tokenTile < mostTokensAtOnce + unit ? tokenTile : max(mostTokensAtOnce / unit * unit, unit)
        return LinearPlan(rowTile: rowTile, tokenTile: tokenTile, tokenStep: tokenStep, tokenUnit: unit)
    }

    static func roundUp(_ value: Int, to unit: Int) -> Int { (value + unit - 1) / unit * unit }
}
