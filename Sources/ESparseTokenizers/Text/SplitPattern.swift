// Hand-written scanners for the regular expressions that pre-tokenizers split text with.

/// A known splitting expression; every scanner cuts the whole text into matches without gaps.
enum SplitPattern: Sendable, Equatable, CaseIterable {
    /// GPT-2, OPT and, after digits were isolated, SmolLM.
    case gpt2
    /// Llama 3: numbers in threes, newlines kept with punctuation, contractions in any case.
    case llama3
    /// Qwen 2: as Llama 3 with single digits.
    case qwen2

    /// The expression as tokenizer.json spells it.
    var expression: String {
        switch self {
        case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        case .llama3: SplitPattern.modern(numbers: #"\p{N}{1,3}"#)
        case .qwen2: SplitPattern.modern(numbers: #"\p{N}"#)
        }
    }

    private static func modern(numbers: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The scanner for an expression, or nil where it is not one of the known ones.
    init?(expression: String) {
        guard let known = SplitPattern.allCases.first(where: { $0.expression == expression }) else { return nil }
        self = known
    }

    /// Appends the matches in `range` of valid UTF-8 text.
    func split(_ text: [UInt8], _ range: Range<Int>, into matches: inout [Range<Int>]) {
        let scanner = Scanner(text: text, limit: range.upperBound)
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                switch self {
                case .gpt2: scanner.gpt2Match(at: start)
                case .llama3: scanner.modernMatch(at: start, digitCount: 3)
                case .qwen2: scanner.modernMatch(at: start, digitCount: 1)
                }
            matches.append(start..<end)
            start = end
        }
    }
}

/// Finds the end of the match at a position, alternatives in the order of the expression.
private struct Scanner {
    let text: [UInt8]
    let limit: Int

    private func classified(_ position: Int) -> (class: CharacterClass, end: Int) {
        let (value, length) = UTF8Text.scalar(in: text, at: position)
        return (CharacterClass.of(value), position + length)
    }

    /// End of the run of `kind` that `position` is in or before.
    private func runEnd(_ kind: CharacterClass, from position: Int) -> Int {
        var end = position
        while end < limit {
            let next = classified(end)
            guard next.class == kind else { break }
            end = next.end
        }
        return end
    }

    func gpt2Match(at start: Int) -> Int {
        if let end = contraction(at: start, foldingCase: false) { return end }
        let first = classified(start)
        switch first.class {
        case .letter, .number, .other: return runEnd(first.class, from: first.end)
        case .newline, .space:
            if text[start] == 0x20, first.end < limit {
                let second = classified(first.end)
                switch second.class {
                case .letter, .number, .other: return runEnd(second.class, from: second.end)
                case .newline, .space: break
                }
            }
            return spaceMatch(at: start)
        }
    }

    func modernMatch(at start: Int, digitCount: Int) -> Int {
        if let end = contraction(at: start, foldingCase: true) { return end }
        let first = classified(start)
        if first.class == .letter { return runEnd(.letter, from: first.end) }
        if first.class == .number {
            var end = first.end
            for _ in 1..<max(digitCount, 1) where end < limit {
                let next = classified(end)
                guard next.class == .number else { break }
                end = next.end
            }
            return end
        }
        let second = first.end < limit ? classified(first.end) : nil
        if first.class != .newline, let second, second.class == .letter { return runEnd(.letter, from: second.end) }
        if first.class == .other { return runEnd(.newline, from: runEnd(.other, from: first.end)) }
        if text[start] == 0x20, let second, second.class == .other {
            return runEnd(.newline, from: runEnd(.other, from: second.end))
        }
        return lineEndMatch(at: start) ?? spaceMatch(at: start)
    }

    /// `\s*[\r\n]+`: up to and with the last line end of the run of white space.
    private func lineEndMatch(at start: Int) -> Int? {
        var lastLineEnd: Int?
        var end = start
        while end < limit {
            let next = classified(end)
            guard next.class == .space || next.class == .newline else { break }
            end = next.end
            if next.class == .newline { lastLineEnd = end }
        }
        return lastLineEnd
    }

    /// `\s+(?!\S)|\s+`: a run of white space, without its last scalar where text follows and more than one is there.
    private func spaceMatch(at start: Int) -> Int {
        var end = start
        while end < limit {
            let next = classified(end)
            guard next.class == .space || next.class == .newline else {
                let last = UTF8Text.start(before: end, in: text)
                return last > start ? last : end
            }
            end = next.end
        }
        return end
    }

    /// An apostrophe with s, t, re, ve, m, ll or d.
    private func contraction(at start: Int, foldingCase: Bool) -> Int? {
        guard text[start] == UInt8(ascii: "'"), start + 1 < limit else { return nil }
        func letter(_ position: Int) -> UInt8 {
            guard position < limit else { return 0 }
            let byte = text[position]
            return foldingCase && byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        case (0xC5, 0xBF) where foldingCase: return start + 3  // U+017F, the long s, folds to s.
        default: return nil
        }
    }
}
