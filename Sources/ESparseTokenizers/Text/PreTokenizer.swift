// The steps that cut normalised text into the words that the model encodes one by one.

/// Text being cut: words are ranges of one buffer.
struct Words {
    /// Valid UTF-8.
    var text: [UInt8]
    /// Words in order; they do not overlap.
    var ranges: [Range<Int>]
    /// Whether the first word is at the very start of the input (nothing, not even a special token, is before it).
    let isAtStart: Bool

    /// One word: the whole text.
    init(_ text: [UInt8], isAtStart: Bool) {
        self.text = text
        ranges = text.isEmpty ? [] : [0..<text.count]
        self.isAtStart = isAtStart
    }

    /// Rewrites every word through `body`, which appends the new word to the buffer.
    fileprivate mutating func rewrite(_ body: (_ index: Int, _ word: ArraySlice<UInt8>, inout [UInt8]) -> Void) {
        var newText: [UInt8] = []
        newText.reserveCapacity(text.count + 8)
        for index in ranges.indices {
            let start = newText.count
            body(index, text[ranges[index]], &newText)
            ranges[index] = start..<newText.count
        }
        text = newText
    }

    /// Cuts every word further.
    fileprivate mutating func cut(_ body: (Range<Int>, inout [Range<Int>]) -> Void) {
        var pieces: [Range<Int>] = []
        for range in ranges where !range.isEmpty { body(range, &pieces) }
        ranges = pieces
    }
}

/// One step of cutting text into words.
enum PreTokenizer: Sendable, Equatable {
    /// Where `metaspace` puts its mark in front.
    enum PrependScheme: String, Sendable {
        /// In front of every piece of text.
        case always
        /// In front of text at the very start only.
        case first
        /// Nowhere.
        case never
    }

    /// Words are the matches of a known expression.
    case split(SplitPattern)
    /// Words end or begin where a string is.
    case splitAt([UInt8], SplitBehavior)
    /// Numbers are cut off: each scalar alone, or runs of them.
    case digits(individually: Bool)
    /// Words are spelled in the byte alphabet by the model, after a space is put in front and the GPT-2 expression applied.
    case byteLevel(addPrefixSpace: Bool, usesPattern: Bool)
    /// Spaces become a visible mark, as SentencePiece has it.
    case metaspace(replacement: UInt32, scheme: PrependScheme, splits: Bool)

    /// The names tokenizer.json has for these steps.
    static let supported =
        "ByteLevel, Digits, Metaspace, Split (with a string, or the expressions of GPT-2, Llama 3, Qwen 2, Tekken and "
        + "GPT-4o) and Sequence"

    /// Cuts every word.
    func apply(to words: inout Words) {
        switch self {
        case .split(let pattern):
            let text = words.text
            words.cut { pattern.split(text, $0, into: &$1) }
        case .splitAt(let pattern, let behavior):
            let text = words.text
            words.cut { behavior.split(text, $0, at: pattern, into: &$1) }
        case .digits(let individually):
            let text = words.text
            words.cut { PreTokenizer.cutDigits(text, $0, individually: individually, into: &$1) }
        case .byteLevel(let addPrefixSpace, let usesPattern):
            if addPrefixSpace {
                words.rewrite { _, word, text in
                    if word.first != 0x20 { text.append(0x20) }
                    text.append(contentsOf: word)
                }
            }
            if usesPattern { PreTokenizer.split(.gpt2).apply(to: &words) }
        case .metaspace(let replacement, let scheme, let splits):
            let mark = UTF8Text.encoded(replacement)
            let isAtStart = words.isAtStart
            words.rewrite { index, word, text in
                let marksStart = scheme == .always || (scheme == .first && index == 0 && isAtStart)
                if marksStart, word.first != 0x20, !word.starts(with: mark) { text.append(contentsOf: mark) }
                for byte in word {
                    if byte == 0x20 { text.append(contentsOf: mark) } else { text.append(byte) }
                }
            }
            if splits {
                let text = words.text
                words.cut { PreTokenizer.cutBefore(mark, text, $0, into: &$1) }
            }
        }
    }

    private static func cutDigits(
        _ text: [UInt8], _ range: Range<Int>, individually: Bool, into pieces: inout [Range<Int>]
    ) {
        var start = range.lowerBound
        var position = start
        var isInNumber = false
        while position < range.upperBound {
            let (value, length) = UTF8Text.scalar(in: text, at: position)
            let isNumeric = CharacterClass.isNumeric(value)
            if position > start, isNumeric != isInNumber || (isNumeric && individually) {
                pieces.append(start..<position)
                start = position
            }
            isInNumber = isNumeric
            position += length
        }
        pieces.append(start..<range.upperBound)
    }

    /// Each mark begins a new word.
    private static func cutBefore(
        _ mark: [UInt8], _ text: [UInt8], _ range: Range<Int>, into pieces: inout [Range<Int>]
    ) {
        var start = range.lowerBound
        var position = start
        while position < range.upperBound {
            if position > start, text[position] == mark.first, text[position..<range.upperBound].starts(with: mark) {
                pieces.append(start..<position)
                start = position
            }
            position += 1
        }
        pieces.append(start..<range.upperBound)
    }
}
