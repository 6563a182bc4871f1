// How SentencePiece prepares text: replacements, spaces removed or marked, and a space put in front.

/// SentencePiece's normalisation of one text.
struct SentencePieceNormalizer: Sendable, Equatable {
    /// U+2581, which stands for a space.
    static let mark = UTF8Text.encoded(0x2581)

    /// Where a space is added, so that a word at the start has the same pieces as one after a space.
    var prefix: PreTokenizer.PrependScheme
    /// That space is put at the end instead.
    let isSuffix: Bool
    /// Spaces at the start and the end, and all but one between words, are removed.
    let removesExtraSpaces: Bool
    /// Spaces become `mark`.
    let marksSpaces: Bool
    /// Replacements, where the model has some.
    let characters: CharactersMap?
    /// User-defined symbols, which are not replaced.
    let symbols: AddedTokenMatcher

    /// Normalises valid UTF-8.
    ///
    /// - Parameters:
    ///   - text: the text.
    ///   - isAtStart: whether nothing, not even a special token, is before it.
    func normalize(_ text: [UInt8], isAtStart: Bool) -> [UInt8] {
        var position = 0
        if removesExtraSpaces {
            while position < text.count, case let next = next(text, position), next.content.elementsEqual([0x20]) {
                position += next.length
            }
        }
        guard position < text.count else { return [] }
        let space = marksSpaces ? SentencePieceNormalizer.mark : [0x20]
        let addsSpace = prefix == .always || (prefix == .first && isAtStart)
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2)
        if addsSpace, !isSuffix { result.append(contentsOf: space) }
        var isAfterSpace = removesExtraSpaces
        while position < text.count {
            let next = next(text, position)
            position += next.length
            let content = isAfterSpace ? next.content.drop { $0 == 0x20 } : next.content
            guard let last = content.last else { continue }
            for byte in content {
                if byte == 0x20 { result.append(contentsOf: space) } else { result.append(byte) }
            }
            isAfterSpace = removesExtraSpaces && last == 0x20
        }
        if removesExtraSpaces {
            while result.suffix(space.count).elementsEqual(space) { result.removeLast(space.count) }
        }
        if addsSpace, isSuffix { result.append(contentsOf: space) }
        return result
    }

    /// What the text at a position becomes, and how many of its bytes.
    private func next(_ text: [UInt8], _ position: Int) -> (content: ArraySlice<UInt8>, length: Int) {
        if let length = symbols.longestMatch(in: text, at: position) {
            return (text[position..<(position + length)], length)
        }
        if let replacement = characters?.replacement(in: text, at: position) { return replacement }
        let length = UTF8Text.scalar(in: text, at: position).length
        return (text[position..<(position + length)], length)
    }
}
