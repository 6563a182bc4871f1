// Splits text at a fixed string, as the pre-tokenizer `Split` with a string for its pattern does.

/// Where the text of a match goes.
enum SplitBehavior: String, Sendable {
    /// Each match is a word.
    case isolated = "Isolated"
    /// Matches are left out.
    case removed = "Removed"
    /// A match ends the word before it.
    case mergedWithPrevious = "MergedWithPrevious"
    /// A match begins the word after it.
    case mergedWithNext = "MergedWithNext"

    /// All names, for messages.
    static let supported = "Isolated, Removed, MergedWithPrevious and MergedWithNext"

    /// Appends the words of `range`, cut at every `pattern` from the left.
    func split(_ text: [UInt8], _ range: Range<Int>, at pattern: [UInt8], into words: inout [Range<Int>]) {
        guard let first = pattern.first else { return words.append(range) }
        var start = range.lowerBound
        var position = start
        while position < range.upperBound {
            guard text[position] == first, text[position..<range.upperBound].starts(with: pattern) else {
                position += 1
                continue
            }
            let end = position + pattern.count
            switch self {
            case .isolated:
                if start < position { words.append(start..<position) }
                words.append(position..<end)
                start = end
            case .removed:
                if start < position { words.append(start..<position) }
                start = end
            case .mergedWithPrevious:
                words.append(start..<end)
                start = end
            case .mergedWithNext:
                if start < position { words.append(start..<position) }
                start = position
            }
            position = end
        }
        if start < range.upperBound { words.append(start..<range.upperBound) }
    }
}
