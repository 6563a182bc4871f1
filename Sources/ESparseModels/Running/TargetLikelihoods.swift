// How likely chosen tokens are after chosen rows of a batch, going on from what a cache holds.

public import ESparseCore

/// A token whose likelihood is asked for.
public struct ScoredToken: Sendable, Equatable {
    /// Row of the batch that the token follows, in `[0, T)`.
    public let row: Int
    /// The token.
    public let token: Int32

    /// Names a token after a row.
    public init(row: Int, token: Int32) {
        self.row = row
        self.token = token
    }
}

extension LanguageModel {
    /// Runs the next tokens of some sequences, and returns how likely each of `targets` is after its row, `[targets.count]`.
    /// Several targets may follow one row, and most rows may have none.
    ///
    /// - Throws: as `hidden(_:batch:cache:)`.
    public func likelihoods(
        of targets: [ScoredToken], after tokens: [Int32], batch: TokenBatch, cache: inout ModelCache<B>
    ) throws -> [TargetLikelihood] {
        for target in targets where target.token < 0 || Int(target.token) >= architecture.vocabularySize {
            throw ModelError.tokenOutsideVocabulary(target.token, vocabularySize: architecture.vocabularySize)
        }
        let hidden = try hidden(tokens, batch: batch, cache: &cache)
        guard !targets.isEmpty else { return [] }
        return try head.likelihoods(of: targets.map(\.token), backend.rows(targets.map(\.row), of: hidden))
    }
}
