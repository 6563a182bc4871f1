// The steps that normalise text before it is cut into words.

/// One step of normalisation.
enum Normalizer: Sendable, Equatable {
    /// Put in front of text that is not empty.
    case prepend([UInt8])
    /// Every occurrence of a string is replaced.
    case replace(pattern: [UInt8], content: [UInt8])
    /// Unicode form NFC.
    case composed
    /// Unicode form NFD.
    case decomposed
    /// All that a SentencePiece model file asks for.
    case sentencePiece(SentencePieceNormalizer)

    /// The names tokenizer.json has for these steps.
    static let supported = "Prepend, Replace (of a string), NFC, NFD and Sequence"

    /// Normalises valid UTF-8 text.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - isAtStart: whether nothing, not even a special token, is before it.
    func normalize(_ text: [UInt8], isAtStart: Bool) -> [UInt8] {
        switch self {
        case .prepend(let prefix): text.isEmpty ? text : prefix + text
        case .replace(let pattern, let content): UTF8Text.replacing(pattern, with: content, in: text)
        case .composed: CanonicalComposition.normalized(text, composing: true)
        case .decomposed: CanonicalComposition.normalized(text, composing: false)
        case .sentencePiece(let rules): rules.normalize(text, isAtStart: isAtStart)
        }
    }
}

extension UTF8Text {
    /// The text with every occurrence of `pattern`, from the left, replaced; an empty pattern changes nothing.
    static func replacing(_ pattern: [UInt8], with content: [UInt8], in text: [UInt8]) -> [UInt8] {
        guard let first = pattern.first else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var position = 0
        while position < text.count {
            if text[position] == first, text[position...].starts(with: pattern) {
                result.append(contentsOf: content)
                position += pattern.count
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }
}
