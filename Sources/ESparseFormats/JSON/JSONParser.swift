// A strict JSON parser with a depth limit. It refuses repeated keys, which Foundation's decoder silently accepts.

/// Parses JSON (RFC 8259) from bytes.
///
/// Stricter than Foundation: an object must not repeat a key, and nothing but white space may follow the value. Values
/// nest at most `maximumDepth` deep, so hostile text cannot exhaust the stack.
package struct JSONParser {
    /// Why and where a text is not JSON.
    package struct Failure: Error {
        /// Bytes from the start of the text.
        package let offset: Int
        /// What is wrong there.
        package let reason: String
    }

    /// Deepest nesting of arrays and objects that is accepted.
    package static let maximumDepth = 64

    private let bytes: [UInt8]
    private let start: Int
    private let end: Int
    private let repairsText: Bool
    private var position: Int

    /// Parses one value that fills `range` of `bytes`.
    ///
    /// - Parameter repairsText: puts U+FFFD in place of invalid UTF-8 and lone surrogates instead of refusing them.
    /// - Throws: `Failure`.
    package static func parse(
        _ bytes: [UInt8], in range: Range<Int>? = nil, repairsText: Bool = false
    ) throws(Failure) -> JSONValue {
        let range = range ?? 0..<bytes.count
        var parser = JSONParser(bytes: bytes, range: range, repairsText: repairsText)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == parser.end else { throw parser.failure("more text after the end") }
        return value
    }

    private init(bytes: [UInt8], range: Range<Int>, repairsText: Bool) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        self.repairsText = repairsText
        start = range.lowerBound
        end = range.upperBound
        position = range.lowerBound
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: position - start, reason: reason) }

    private var tooDeep: Failure { failure("values nest more than \(JSONParser.maximumDepth) deep") }

    private var current: UInt8? { position < end ? bytes[position] : nil }

    private mutating func skipSpace() {
        while position < end {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ text: StaticString, as value: JSONValue) throws(Failure) -> JSONValue {
        for expected in text.description.utf8 {
            guard current == expected else { throw failure("a value is expected") }
            position += 1
        }
        return value
    }

    private mutating func value(depth: Int) throws(Failure) -> JSONValue {
        skipSpace()
        guard let byte = current else { throw failure("the text ends early") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try take("true", as: .boolean(true))
        case UInt8(ascii: "f"): return try take("false", as: .boolean(false))
        case UInt8(ascii: "n"): return try take("null", as: .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSONValue {
        guard depth < JSONParser.maximumDepth else { throw tooDeep }
        position += 1
        var members: [JSONValue.Member] = []
        var keys: Set<[UInt8]> = []
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a key in quotes is expected") }
            let keyPosition = position
            let key = try string()
            guard keys.insert(key).inserted else {
                let text = String(decoding: key.prefix(200), as: UTF8.self)
                throw Failure(offset: keyPosition - start, reason: "the key \"\(text)\" is repeated")
            }
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw failure("':' is expected after a key") }
            position += 1
            members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
            if try endOfItem(closing: UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func array(depth: Int) throws(Failure) -> JSONValue {
        guard depth < JSONParser.maximumDepth else { throw tooDeep }
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            if try endOfItem(closing: UInt8(ascii: "]")) { return .array(elements) }
        }
    }

    /// Steps over ',' (false) or the closing bracket (true).
    private mutating func endOfItem(closing: UInt8) throws(Failure) -> Bool {
        skipSpace()
        guard let byte = current else { throw failure("the text ends early") }
        guard byte == UInt8(ascii: ",") || byte == closing else {
            throw failure("',' or '\(Character(Unicode.Scalar(closing)))' is expected")
        }
        position += 1
        return byte == closing
    }

    private mutating func skipDigits() -> Int {
        let first = position
        while let byte = current, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position - first
    }

    private mutating func number() throws(Failure) -> JSONValue {
        let first = position
        if current == UInt8(ascii: "-") { position += 1 }
        let leading = current
        let digits = skipDigits()
        guard digits > 0, digits == 1 || leading != UInt8(ascii: "0") else {
            throw failure("a value is expected")
        }
        var isInteger = true
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard skipDigits() > 0 else { throw failure("a digit is expected") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw failure("a digit is expected") }
        }
        let text = String(decoding: bytes[first..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw failure("the number \(text.prefix(40)) is too large")
        }
        return .number(value)
    }

    private mutating func string() throws(Failure) -> [UInt8] {
        let opening = position
        position += 1
        var first = position
        var isASCII = true
        var result: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                result.append(contentsOf: bytes[first..<position])
                position += 1
                return isASCII ? result : try checked(result, opening: opening)
            case UInt8(ascii: "\\"):
                result.append(contentsOf: bytes[first..<position])
                position += 1
                try escape(into: &result)
                first = position
            case 0..<0x20: throw failure("a control character in a string must be escaped")
            default:
                if byte >= 0x80 { isASCII = false }
                position += 1
            }
        }
        throw failure("a string is not closed")
    }

    /// Refuses or repairs what is not UTF-8.
    private func checked(_ string: [UInt8], opening: Int) throws(Failure) -> [UInt8] {
        if (try? UTF8Span(validating: string.span)) != nil { return string }
        guard repairsText else { throw Failure(offset: opening - start, reason: "a string is not UTF-8") }
        return Array(String(decoding: string, as: UTF8.self).utf8)
    }

    private mutating func escape(into output: inout [UInt8]) throws(Failure) {
        guard let byte = current else { throw failure("a string is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(byte)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0C)
        case UInt8(ascii: "n"): output.append(0x0A)
        case UInt8(ascii: "r"): output.append(0x0D)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "u"): try unicodeEscape(into: &output)
        default: throw failure("a string has an unknown escape")
        }
    }

    private mutating func unicodeEscape(into output: inout [UInt8]) throws(Failure) {
        var code = try fourHexDigits()
        if code & 0xFC00 == 0xD800, position + 1 < end, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let afterHigh = position
            position += 2
            let low = try fourHexDigits()
            if low & 0xFC00 == 0xDC00 {
                code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
            } else {
                position = afterHigh
            }
        }
        if let scalar = Unicode.Scalar(code) {
            output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        } else if repairsText {
            output.append(contentsOf: UTF8.encodedReplacementCharacter)
        } else {
            throw failure("half of a surrogate pair is missing")
        }
    }

    private mutating func fourHexDigits() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits are expected after \\u")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
