// A request's tokens as text, while they are drawn.

import ESparseModels
public import ESparseTokenizers

/// A generated text and how fast it came.
public struct GeneratedText: Sendable {
    /// The text, without what ended it.
    public let text: String
    /// Tokens of the text.
    public let tokenCount: Int
    /// Why there are no more.
    public let reason: FinishReason
    /// From the request to the first token.
    public let secondsToFirstToken: Double
    /// Tokens a second after the first.
    public let decodeTokensPerSecond: Double
}

extension GenerationEngine {
    /// Runs one request to its end; `onText` receives the text piece by piece, whole characters only.
    ///
    /// - Throws: what the stream of `submit` ends with; `CancellationError` where the task was cancelled.
    public func text(
        of request: GenerationRequest, tokenizer: Tokenizer, onText: (String) -> Void
    ) async throws -> GeneratedText {
        var decoder = tokenizer.makeStreamingDecoder()
        var text = ""
        var tokenCount = 0
        var end: FinishReason?
        func emit(_ piece: String) {
            text += piece
            onText(piece)
        }
        let clock = ContinuousClock()
        let begin = clock.now
        var first = begin
        for try await event in submit(request) {
            switch event {
            case .token(let token):
                if tokenCount == 0 { first = clock.now }
                tokenCount += 1
                emit(decoder.append(token))
            case .finished(let reason): end = reason
            }
        }
        guard let end else { throw CancellationError() }
        let seconds = (clock.now - first) / .seconds(1)
        emit(decoder.finish())
        return GeneratedText(
            text: text, tokenCount: tokenCount, reason: end, secondsToFirstToken: (first - begin) / .seconds(1),
            decodeTokensPerSecond: seconds > 0 ? Double(max(tokenCount - 1, 0)) / seconds : 0)
    }
}
