// Cuts a template into text, comments, raw blocks and tags, with jinja's control of white space.

/// Cuts a template into tokens, as transformers' environment does: `trim_blocks` (the line break after a block's or comment's
/// end goes), `lstrip_blocks` (spaces before a block or comment that starts its line go), and the last line break goes.
struct Lexer {
    let source: [Letter]
    var position = 0
    var line = 1
    private(set) var tokens: [Token] = []
    /// Whether what was read last ended a line.
    private var isLineStart = true

    /// - Parameter source: the template's text; its line breaks become U+000A.
    init(_ source: String) {
        var letters: [Letter] = []
        var wasReturn = false
        for scalar in source.unicodeScalars {
            if scalar == "\r" {
                letters.append(Letter("\n"))
            } else if scalar != "\n" || !wasReturn {
                letters.append(Letter(scalar))
            }
            wasReturn = scalar == "\r"
        }
        if letters.last == Letter("\n") { letters.removeLast() }
        self.source = letters
    }

    /// All tokens; the last one is `.end`.
    mutating func run() throws(Problem) -> [Token] {
        while position < source.count { try cutText() }
        append(.end)
        return tokens
    }

    mutating func append(_ kind: Token.Kind) { tokens.append(Token(kind: kind, line: line)) }

    /// Whether a text stands at `position + offset`.
    func holds(_ text: String, at offset: Int = 0) -> Bool {
        var place = position + offset
        for byte in text.utf8 {
            guard place < source.count, source[place].code == UInt32(byte) else { return false }
            place += 1
        }
        return true
    }

    /// Steps over `count` letters and counts their lines.
    mutating func skip(_ count: Int) {
        for letter in source[position..<position + count] where letter.code == 0x0A { line += 1 }
        if count > 0 { isLineStart = source[position + count - 1].code == 0x0A }
        position += count
    }

    /// Steps over white space.
    mutating func skipSpace() {
        let count = source[position...].prefix(while: \.isSpace).count
        skip(count)
    }

    /// Cuts the text up to the next tag, and the tag.
    private mutating func cutText() throws(Problem) {
        let start = position
        var end = position
        while end < source.count, !isTag(at: end) { end += 1 }
        guard end < source.count else {
            append(.data(Text(source[start...])))
            return skip(end - start)
        }
        let kind = source[end + 1].code
        let sign = end + 2 < source.count ? source[end + 2].code : 0
        let isMarked = sign == 0x2D || sign == 0x2B
        let text = visible(start..<end, sign: sign, isVariable: kind == 0x7B)
        if !text.isEmpty { append(.data(Text(text))) }
        skip(end - start)
        if kind == 0x25, let length = rawLength() { return try cutRaw(after: length) }
        skip(isMarked ? 3 : 2)
        switch kind {
        case 0x23: try skipComment()
        case 0x25:
            append(.blockBegin)
            try cutTag(isBlock: true)
        default:
            append(.variableBegin)
            try cutTag(isBlock: false)
        }
    }

    private func isTag(at place: Int) -> Bool {
        guard source[place].code == 0x7B, place + 1 < source.count else { return false }
        return [0x7B, 0x25, 0x23].contains(source[place + 1].code)
    }

    /// The text before a tag without what its sign, or `lstrip_blocks`, takes away.
    private func visible(_ range: Range<Int>, sign: UInt32, isVariable: Bool) -> ArraySlice<Letter> {
        let text = source[range]
        if sign == 0x2D {
            let end = text.lastIndex { !$0.isSpace }.map { $0 + 1 } ?? text.startIndex
            return text[..<end]
        }
        guard sign != 0x2B, !isVariable else { return text }
        let lineStart = text.lastIndex { $0.code == 0x0A }.map { $0 + 1 } ?? text.startIndex
        guard lineStart > text.startIndex || isLineStart, text[lineStart...].allSatisfy(\.isSpace) else { return text }
        return text[..<lineStart]
    }

    private mutating func skipComment() throws(Problem) {
        while position < source.count {
            if holds("-#}") {
                skip(3)
                return skipSpace()
            }
            if holds("+#}") { return skip(3) }
            if holds("#}") { return skip(source.count > position + 2 && source[position + 2].code == 0x0A ? 3 : 2) }
            skip(1)
        }
        throw .syntax("a comment is not closed")
    }

    /// The length of a `{% raw %}` tag at this place, or nil where there is none.
    private func rawLength() -> Int? {
        var probe = self
        probe.skip(probe.holds("-", at: 2) || probe.holds("+", at: 2) ? 3 : 2)
        probe.skipSpace()
        guard probe.holds("raw") else { return nil }
        probe.skip(3)
        probe.skipSpace()
        if probe.holds("-%}") {
            probe.skip(3)
            probe.skipSpace()
        } else if probe.holds("%}") {
            probe.skip(2)
        } else {
            return nil
        }
        return probe.position - position
    }

    private mutating func cutRaw(after length: Int) throws(Problem) {
        skip(length)
        let start = position
        let startLine = line
        while position < source.count {
            if holds("{%"), let end = rawEndLength() {
                let sign = source[position + 2].code
                // The line state is that of the raw tag's end.
                var probe = self
                probe.isLineStart = start > 0 && source[start - 1].code == 0x0A
                let text = probe.visible(start..<position, sign: sign, isVariable: false)
                if !text.isEmpty { tokens.append(Token(kind: .data(Text(text)), line: startLine)) }
                return skip(end)
            }
            skip(1)
        }
        throw .syntax("a raw block is not closed")
    }

    /// The length of an `{% endraw %}` tag at this place, or nil where there is none.
    private func rawEndLength() -> Int? {
        var place = position + 2
        func skipSpace() { while place < source.count, source[place].isSpace { place += 1 } }
        func take(_ text: String) -> Bool {
            guard holds(text, at: place - position) else { return false }
            place += text.utf8.count
            return true
        }
        if !take("-") { _ = take("+") }
        skipSpace()
        guard take("endraw") else { return nil }
        skipSpace()
        if take("-%}") {
            skipSpace()
        } else if take("+%}") {
        } else if take("%}") {
            if place < source.count, source[place].code == 0x0A { place += 1 }
        } else {
            return nil
        }
        return place - position
    }
}
