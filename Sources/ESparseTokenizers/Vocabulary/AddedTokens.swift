// Tokens that are matched in the text itself before it is encoded: special tokens and user-defined ones.

/// A token that is matched whole in the text.
struct AddedToken: Sendable, Equatable {
    let id: Int32
    let content: [UInt8]
    /// Left out by `decode(_:skippingSpecialTokens:)`, and not recognised in literal text.
    var isSpecial = false
    /// Written by the chat template, so that messages may not write it.
    var isControl = false
    /// Matched only where no word character is beside it.
    var isSingleWord = false
    /// Takes the white space on its left with it.
    var stripsLeft = false
    /// Takes the white space on its right with it.
    var stripsRight = false
    /// Matched in normalised text, in its own normalised form.
    var isNormalized = false
}

/// A part of the text: an added token, or text for the model.
struct TextSegment {
    let token: Int32?
    let range: Range<Int>
}

/// Finds added tokens in text, leftmost and longest first.
struct AddedTokenMatcher: Sendable, Equatable {
    private struct Pattern: Equatable {
        let token: AddedToken
        let length: Int
    }

    private var patterns: [Pattern] = []
    private var isFirstByte = [Bool](repeating: false, count: 256)
    /// The trie: node << 8 | byte leads to the next node; node 0 is the root.
    private var edges: [UInt32: UInt32] = [:]
    /// Pattern that ends at a node, `[nodes]`, or -1.
    private var ends: [Int32] = [-1]

    /// Prepares to find `patterns`: a token and the bytes it is found by.
    init(_ patterns: [(token: AddedToken, bytes: [UInt8])]) {
        for (token, bytes) in patterns where !bytes.isEmpty {
            isFirstByte[Int(bytes[0])] = true
            var node: UInt32 = 0
            for byte in bytes {
                let edge = node << 8 | UInt32(byte)
                if let next = edges[edge] {
                    node = next
                } else {
                    node = UInt32(ends.count)
                    ends.append(-1)
                    edges[edge] = node
                }
            }
            ends[Int(node)] = Int32(self.patterns.count)
            self.patterns.append(Pattern(token: token, length: bytes.count))
        }
    }

    /// The longest pattern at `position` that `accepts` allows.
    private func longest(_ text: [UInt8], at position: Int, _ accepts: (AddedToken, Range<Int>) -> Bool) -> Pattern? {
        var node: UInt32 = 0
        var best: Pattern?
        var end = position
        while end < text.count, let next = edges[node << 8 | UInt32(text[end])] {
            node = next
            end += 1
            let pattern = Int(ends[Int(node)])
            if pattern >= 0, accepts(patterns[pattern].token, position..<end) { best = patterns[pattern] }
        }
        return best
    }

    /// Length in bytes of the longest pattern at `position`; nil where there is none.
    func longestMatch(in text: [UInt8], at position: Int) -> Int? {
        isFirstByte[Int(text[position])] ? longest(text, at: position) { _, _ in true }?.length : nil
    }

    /// Cuts text at the added tokens in it; tokens that `accepts` refuses count as text.
    func segments(of text: [UInt8], accepts: (AddedToken, Range<Int>) -> Bool) -> [TextSegment] {
        guard !patterns.isEmpty else { return text.isEmpty ? [] : [TextSegment(token: nil, range: 0..<text.count)] }
        var segments: [TextSegment] = []
        var textStart = 0
        var position = 0
        while position < text.count {
            guard isFirstByte[Int(text[position])], let match = longest(text, at: position, accepts) else {
                position += 1
                continue
            }
            var start = position
            var end = position + match.length
            position = end
            if match.token.isSingleWord, !standsAlone(text, start..<end) { continue }
            if match.token.stripsLeft {
                while start > textStart, isWhitespace(text, UTF8Text.start(before: start, in: text)) {
                    start = UTF8Text.start(before: start, in: text)
                }
            }
            if match.token.stripsRight {
                while end < text.count, isWhitespace(text, end) { end += UTF8Text.scalar(in: text, at: end).length }
            }
            if textStart < start { segments.append(TextSegment(token: nil, range: textStart..<start)) }
            segments.append(TextSegment(token: match.token.id, range: start..<end))
            textStart = end
            position = end
        }
        if textStart < text.count { segments.append(TextSegment(token: nil, range: textStart..<text.count)) }
        return segments
    }

    private func isWhitespace(_ text: [UInt8], _ position: Int) -> Bool {
        CharacterClass.isWhitespace(UTF8Text.scalar(in: text, at: position).value)
    }

    private func standsAlone(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        if range.lowerBound > 0 {
            let before = UTF8Text.start(before: range.lowerBound, in: text)
            if CharacterClass.isWord(UTF8Text.scalar(in: text, at: before).value) { return false }
        }
        guard range.upperBound < text.count else { return true }
        return !CharacterClass.isWord(UTF8Text.scalar(in: text, at: range.upperBound).value)
    }
}
