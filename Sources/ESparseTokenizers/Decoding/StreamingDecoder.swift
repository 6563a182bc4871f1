// Decodes token by token, for generation.

/// Yields text as tokens arrive, always whole characters.
///
/// The pieces joined are `Tokenizer.decode(_:skippingSpecialTokens:)` of all the tokens. One case differs: of byte tokens
/// (`<0x41>`) in a run that is not well-formed UTF-8, those that had been complete text before are kept.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var assembler: TokenAssembler
    private var pending: [UInt8] = []

    init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skippingSpecialTokens
        assembler = TokenAssembler(tokenizer.definition.decoder, releasesEarly: true)
    }

    /// Takes a token and returns the text that is complete by now, often empty.
    public mutating func append(_ id: Int32) -> String {
        guard let token = tokenizer.decodableToken(id, skippingSpecialTokens: skipsSpecialTokens) else { return "" }
        assembler.append(token, to: &pending)
        let complete = UTF8Text.completePrefix(of: pending)
        defer { pending.removeFirst(complete) }
        return String(decoding: pending[..<complete], as: UTF8.self)
    }

    /// Returns what is left; an unfinished character becomes U+FFFD.
    public mutating func finish() -> String {
        assembler.finish(&pending)
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }
}
