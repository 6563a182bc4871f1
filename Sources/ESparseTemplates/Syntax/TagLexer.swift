// Cuts the inside of a tag into names, numbers, strings and operators.

extension Lexer {
    /// Operators and brackets, longest first.
    private static let marks: [String] = [
        "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", ">", "<", "=",
        ".", ":", "|", ",", ";",
    ]

    /// Cuts up to the end of a tag, which brackets that are open hide.
    mutating func cutTag(isBlock: Bool) throws(Problem) {
        var open: [String] = []
        while position < source.count {
            if open.isEmpty, try cutEnd(isBlock: isBlock) { return }
            if source[position].isSpace {
                skipSpace()
            } else if source[position].isDigit {
                try cutNumber()
            } else if source[position].isWord {
                let letters = source[position...].prefix(while: \.isWord)
                guard letters.count <= TemplateLimits.nameLetters else {
                    throw .limit("a name has more than \(TemplateLimits.nameLetters) letters")
                }
                append(.name(Text(letters).string))
                skip(letters.count)
            } else if holds("'") || holds("\"") {
                try cutString()
            } else {
                try cutMark(&open)
            }
        }
        throw .syntax("a tag is not closed")
    }

    /// Steps over the end of a tag where it is here.
    private mutating func cutEnd(isBlock: Bool) throws(Problem) -> Bool {
        let kind: Token.Kind = isBlock ? .blockEnd : .variableEnd
        let (end, stripping) = isBlock ? ("%}", "-%}") : ("}}", "-}}")
        if holds(stripping) {
            append(kind)
            skip(3)
            skipSpace()
        } else if isBlock, holds("+%}") {
            append(kind)
            skip(3)
        } else if holds(end) {
            append(kind)
            skip(isBlock && source.count > position + 2 && source[position + 2].code == 0x0A ? 3 : 2)
        } else {
            return false
        }
        return true
    }

    private mutating func cutMark(_ open: inout [String]) throws(Problem) {
        guard let mark = Self.marks.first(where: { holds($0) }) else {
            throw .syntax("the character '\(Text([source[position]]).excerpt(1))' is not expected")
        }
        switch mark {
        case "(": open.append(")")
        case "[": open.append("]")
        case "{": open.append("}")
        case ")", "]", "}":
            guard let expected = open.popLast() else { throw .syntax("'\(mark)' closes nothing") }
            guard expected == mark else { throw .syntax("'\(mark)' is there, but '\(expected)' is expected") }
        default: break
        }
        append(.mark(mark))
        skip(mark.utf8.count)
    }

    // MARK: Numbers

    /// Digits with underscores between them, from `place`.
    private func digits(_ place: Int, where isDigit: (Letter) -> Bool) -> Int {
        var end = place
        while end < source.count, isDigit(source[end]) || source[end].code == 0x5F && end > place {
            end += 1
        }
        while end > place, source[end - 1].code == 0x5F { end -= 1 }
        return end
    }

    private mutating func cutNumber() throws(Problem) {
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)]
        where holds(prefix) {
            let end = digits(position + 2) {
                Character($0.scalar).hexDigitValue.map { $0 < radix } ?? false && $0.code < 0x80
            }
            guard end > position + 2 else { break }
            return try cutInteger(Text(source[(position + 2)..<end]), end, radix: radix)
        }
        let isAfterPoint = position > 0 && source[position - 1].code == 0x2E
        let whole = digits(position, where: \.isDigit)
        var end = whole
        if !isAfterPoint {
            if end + 1 < source.count, source[end].code == 0x2E, source[end + 1].isDigit {
                end = digits(end + 1, where: \.isDigit)
            }
            if end < source.count, source[end].code | 0x20 == 0x65 {
                var exponent = end + 1
                if exponent < source.count, [0x2B, 0x2D].contains(source[exponent].code) { exponent += 1 }
                let exponentEnd = digits(exponent, where: \.isDigit)
                if exponentEnd > exponent { end = exponentEnd }
            }
        }
        guard end > whole else { return try cutInteger(Text(source[position..<whole]), whole, radix: 10) }
        guard let value = Text(source[position..<end]).double else { throw .syntax("a number cannot be read") }
        append(.float(value))
        skip(end - position)
    }

    private mutating func cutInteger(_ text: Text, _ end: Int, radix: Int) throws(Problem) {
        let plain = text.string.filter { $0 != "_" }
        guard let value = Int(plain, radix: radix) else { throw .syntax("an integer does not fit 64 bits") }
        append(.integer(value))
        skip(end - position)
    }

    // MARK: Strings

    private mutating func cutString() throws(Problem) {
        let quote = source[position]
        var place = position + 1
        var content: [Letter] = []
        while place < source.count, source[place] != quote {
            if source[place].code == 0x5C {
                try unescape(&place, into: &content)
            } else {
                content.append(source[place])
                place += 1
            }
        }
        guard place < source.count else { throw .syntax("a string is not closed") }
        append(.string(Text(content)))
        skip(place + 1 - position)
    }

    /// Python's escapes; an unknown one stays as it is written.
    private func unescape(_ place: inout Int, into content: inout [Letter]) throws(Problem) {
        guard place + 1 < source.count else { throw .syntax("a string is not closed") }
        let letter = source[place + 1]
        place += 2
        switch letter.scalar {
        case "n": content.append(Letter("\n"))
        case "t": content.append(Letter("\t"))
        case "r": content.append(Letter("\r"))
        case "a": content.append(Letter(7))
        case "b": content.append(Letter(8))
        case "f": content.append(Letter(12))
        case "v": content.append(Letter(11))
        case "\\", "'", "\"": content.append(letter)
        case "\n": break
        case "0"..."7":
            var code = letter.code - 0x30
            for _ in 0..<2 where place < source.count && source[place].code >= 0x30 && source[place].code <= 0x37 {
                code = code * 8 + source[place].code - 0x30
                place += 1
            }
            content.append(Letter(code))
        case "x": content.append(Letter(try hexadecimal(&place, 2)))
        case "u": content.append(Letter(try hexadecimal(&place, 4)))
        case "U":
            let code = try hexadecimal(&place, 8)
            guard code <= 0x10FFFF else { throw .syntax("a string names a character that does not exist") }
            content.append(Letter(code))
        case "N": throw .syntax("characters by name (\\N) are not supported")
        default: content += [Letter("\\"), letter]
        }
    }

    private func hexadecimal(_ place: inout Int, _ count: Int) throws(Problem) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<count {
            guard place < source.count, source[place].code < 0x80,
                let digit = Character(source[place].scalar).hexDigitValue
            else { throw .syntax("\(count) hexadecimal digits are expected in an escape") }
            code = code << 4 | UInt32(digit)
            place += 1
        }
        return code
    }
}
