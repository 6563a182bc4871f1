// Finds matches of the splitting expressions without a regular expression engine.

/// Finds the end of the match at a position, alternatives in the order of the expression.
struct SplitScanner {
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
        if first.class == .number { return numberEnd(from: first.end, digitCount: digitCount) }
        let second = first.end < limit ? classified(first.end) : nil
        if first.class != .newline, let second, second.class == .letter { return runEnd(.letter, from: second.end) }
        if first.class == .other { return runEnd(.newline, from: runEnd(.other, from: first.end)) }
        if text[start] == 0x20, let second, second.class == .other {
            return runEnd(.newline, from: runEnd(.other, from: second.end))
        }
        return lineEndMatch(at: start) ?? spaceMatch(at: start)
    }

    /// A word of capitals and small letters with at most one other character in front, a number, or what `modernMatch` has for the rest.
    func casedMatch(at start: Int, digitCount: Int, endsInContraction: Bool) -> Int {
        let first = classified(start)
        let afterFirst = first.class == .space || first.class == .other ? first.end : nil
        let word =
            afterFirst.flatMap { smallEnd(from: $0) } ?? smallEnd(from: start) ?? afterFirst.flatMap {
                capitalEnd(from: $0)
            }
            ?? capitalEnd(from: start)
        if let word {
            return endsInContraction && word < limit ? contraction(at: word, foldingCase: true) ?? word : word
        }
        if first.class == .number { return numberEnd(from: first.end, digitCount: digitCount) }
        if first.class == .other { return slashEnd(from: runEnd(.other, from: first.end)) }
        if text[start] == 0x20, first.end < limit, case let second = classified(first.end), second.class == .other {
            return slashEnd(from: runEnd(.other, from: second.end))
        }
        return lineEndMatch(at: start) ?? spaceMatch(at: start)
    }

    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`: as many capitals as leave one for the small letters.
    private func smallEnd(from start: Int) -> Int? {
        var end = start
        var afterLastEither: Int?
        while end < limit {
            let (value, length) = UTF8Text.scalar(in: text, at: end)
            let part = CharacterClass.wordPart(value)
            if part == .small { return partEnd(from: end, without: .capital) }
            if part == .none { break }
            end += length
            if part == .either { afterLastEither = end }
        }
        return afterLastEither
    }

    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`.
    private func capitalEnd(from start: Int) -> Int? {
        let end = partEnd(from: start, without: .small)
        return end > start ? partEnd(from: end, without: .capital) : nil
    }

    /// End of the run of word parts other than `excluded` that starts at `start`.
    private func partEnd(from start: Int, without excluded: CharacterClass.WordPart) -> Int {
        var end = start
        while end < limit {
            let (value, length) = UTF8Text.scalar(in: text, at: end)
            let part = CharacterClass.wordPart(value)
            if part == .none || part == excluded { break }
            end += length
        }
        return end
    }

    /// `[\r\n/]*` from a position.
    private func slashEnd(from start: Int) -> Int {
        text[start..<limit].firstIndex { ![0x0A, 0x0D, 0x2F].contains($0) } ?? limit
    }

    /// End of a number whose first digit ends at `start`.
    private func numberEnd(from start: Int, digitCount: Int) -> Int {
        var end = start
        for _ in 1..<max(digitCount, 1) where end < limit {
            let next = classified(end)
            guard next.class == .number else { break }
            end = next.end
        }
        return end
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
