// Hand-written scanners for the regular expressions that pre-tokenizers split text with.

/// A known splitting expression; every scanner cuts the whole text into matches without gaps.
enum SplitPattern: Sendable, Equatable, CaseIterable {
    /// GPT-2, OPT and, after digits were isolated, SmolLM.
    case gpt2
    /// Llama 3: numbers in threes, newlines kept with punctuation, contractions in any case.
    case llama3
    /// Qwen 2: as Llama 3 with single digits.
    case qwen2
    /// Mistral's Tekken: words are capitals, then small letters; single digits.
    case tekken
    /// GPT-4o and Phi-4-mini: as Tekken with contractions at the end of words and numbers in threes.
    case gpt4o

    /// The expression as tokenizer.json spells it.
    var expression: String {
        switch self {
        case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        case .llama3: SplitPattern.modern(numbers: #"\p{N}{1,3}"#)
        case .qwen2: SplitPattern.modern(numbers: #"\p{N}"#)
        case .tekken: SplitPattern.cased(wordEnd: "", numbers: #"\p{N}"#)
        case .gpt4o: SplitPattern.cased(wordEnd: "(?i:'s|'t|'re|'ve|'m|'ll|'d)?", numbers: #"\p{N}{1,3}"#)
        }
    }

    private static func modern(numbers: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + numbers
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static func cased(wordEnd: String, numbers: String) -> String {
        let start = #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        return start + #"*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"# + wordEnd + "|" + start + #"+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
            + wordEnd
            + "|" + numbers + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The scanner for an expression, or nil where it is not one of the known ones.
    init?(expression: String) {
        guard let known = SplitPattern.allCases.first(where: { $0.expression == expression }) else { return nil }
        self = known
    }

    /// Appends the matches in `range` of valid UTF-8 text.
    func split(_ text: [UInt8], _ range: Range<Int>, into matches: inout [Range<Int>]) {
        let scanner = SplitScanner(text: text, limit: range.upperBound)
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                switch self {
                case .gpt2: scanner.gpt2Match(at: start)
                case .llama3: scanner.modernMatch(at: start, digitCount: 3)
                case .qwen2: scanner.modernMatch(at: start, digitCount: 1)
                case .tekken: scanner.casedMatch(at: start, digitCount: 1, endsInContraction: false)
                case .gpt4o: scanner.casedMatch(at: start, digitCount: 3, endsInContraction: true)
                }
            matches.append(start..<end)
            start = end
        }
    }
}
