// Generation of one text at a time: tokens in, text out as it is drawn, with its speed.

import ESparseCore
import ESparseModels
import ESparseTokenizers

/// A generated text and how fast it came.
struct GeneratedText {
    let text: String
    let tokenCount: Int
    let reason: String
    let secondsToFirstToken: Double
    /// Tokens per second after the first.
    let decodeTokensPerSecond: Double
}

/// Generates texts with one model and one set of settings.
struct TextSession<B: Backend> {
    let model: LanguageModel<B>
    let tokenizer: Tokenizer
    let settings: GenerationSettings
    let maximumTokens: Int

    /// Continues `prompt`; `onText` receives the text piece by piece, whole characters only.
    func run(_ prompt: [Int32], onText: @escaping (String) -> Void) throws -> GeneratedText {
        // A model that knows no BOS token still needs something to start from.
        let start = prompt.isEmpty ? [model.architecture.beginToken ?? 0] : prompt
        var decoder = tokenizer.makeStreamingDecoder()
        var text = ""
        func emit(_ piece: String) {
            text += piece
            onText(piece)
        }
        let clock = ContinuousClock()
        let begin = clock.now
        var first = begin
        let sequence = try Generator(model: model, settings: settings).generate(
            [GenerationRequest(prompt: start, maximumTokens: maximumTokens)]
        ) { _, token in
            if first == begin { first = clock.now }
            emit(decoder.append(token))
            return true
        }[0]
        let seconds = (clock.now - first) / .seconds(1)
        emit(decoder.finish())
        return GeneratedText(
            text: text, tokenCount: sequence.tokens.count, reason: sequence.reason.rawValue,
            secondsToFirstToken: (first - begin) / .seconds(1),
            decodeTokensPerSecond: seconds > 0 ? Double(max(sequence.tokens.count - 1, 0)) / seconds : 0)
    }
}
