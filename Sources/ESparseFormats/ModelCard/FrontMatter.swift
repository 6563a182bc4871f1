// The few settings of a model card's YAML front matter that are carried over to cards made here.

/// Plain `key: value` settings between the lines `---` with which a model card starts.
///
/// This is not YAML: only what stands at the start of a line is read, a text in quotes or without, and the first item of a
/// list. Everything else is left aside, so no card can do harm.
package struct FrontMatter {
    /// Bytes of a card that are looked at; front matter of real cards ends long before.
    private static let limit = 1 << 16

    private let values: [String: String]

    /// Reads the start of a card; there are no settings where it has no front matter.
    package init(_ card: [UInt8]) {
        var values: [String: String] = [:]
        var listKey: String?
        let lines = String(decoding: card.prefix(Self.limit), as: UTF8.self)
            .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        var isClosed = false
        if lines.first == "---" {
            for line in lines.dropFirst() {
                if line == "---" {
                    isClosed = true
                    break
                }
                if let key = listKey, let item = Self.item(line) { values[key] = item }
                listKey = nil
                guard let colon = line.firstIndex(of: ":"), line.first?.isLetter == true else { continue }
                let key = String(line[..<colon])
                let value = Self.unquoted(line[line.index(after: colon)...])
                if value.isEmpty { listKey = key } else { values[key] = value }
            }
        }
        self.values = isClosed ? values : [:]
    }

    /// The setting of a key, or nil where there is none.
    package subscript(_ key: String) -> String? { values[key] }

    private static func item(_ line: Substring) -> String? {
        let trimmed = line.drop { $0 == " " }
        guard trimmed.hasPrefix("- ") else { return nil }
        let value = unquoted(trimmed.dropFirst(2))
        return value.isEmpty ? nil : value
    }

    private static func unquoted(_ text: Substring) -> String {
        var text = text.drop { $0 == " " }
        while text.last?.isWhitespace == true { text.removeLast() }
        for quote: Character in ["\"", "'"] where text.count >= 2 && text.first == quote && text.last == quote {
            return String(text.dropFirst().dropLast())
        }
        return String(text)
    }
}
