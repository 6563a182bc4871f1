// Parses JSON (RFC 8259) strictly, with a limit on nesting.

/// A recursive-descent parser over bytes.
struct JSONParser {
    /// Deepest nesting accepted; tokenizer files need about eight levels.
    static let maximumDepth = 64

    private let bytes: [UInt8]
    private let source: String
    private var position = 0

    /// Parses a whole document.
    ///
    /// - Throws: `TokenizerError.invalidJSON` naming `source` and the byte offset.
    static func parse(_ bytes: [UInt8], source: String) throws(TokenizerError) -> JSONValue {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw .invalidJSON(source: source, offset: 0, reason: "the file is not UTF-8")
        }
        var parser = JSONParser(bytes: bytes, source: source)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("more text after the end") }
        return value
    }

    private init(bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    private func failure(_ reason: String) -> TokenizerError {
        .invalidJSON(source: source, offset: position, reason: reason)
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(TokenizerError) -> JSONValue {
        guard depth < JSONParser.maximumDepth else {
            throw failure("nested more than \(JSONParser.maximumDepth) deep")
        }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends early")
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(TokenizerError) -> JSONValue {
        let expected = Array(word.description.utf8)
        guard bytes[position...].starts(with: expected) else { throw failure("a value is expected") }
        position += expected.count
        return value
    }

    private mutating func object(depth: Int) throws(TokenizerError) -> JSONValue {
        var members: [JSONValue.Member] = []
        position += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a key in quotes is expected") }
            let key = try string()
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw failure("':' is expected") }
            position += 1
            members.append(JSONValue.Member(key: key, value: try value(depth: depth + 1)))
            if try endOfItem(closing: UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func array(depth: Int) throws(TokenizerError) -> JSONValue {
        var elements: [JSONValue] = []
        position += 1
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
    private mutating func endOfItem(closing: UInt8) throws(TokenizerError) -> Bool {
        skipSpace()
        guard let byte = current else { throw failure("the text ends early") }
        guard byte == UInt8(ascii: ",") || byte == closing else {
            throw failure("',' or '\(Character(Unicode.Scalar(closing)))' is expected")
        }
        position += 1
        return byte == closing
    }

    private mutating func number() throws(TokenizerError) -> JSONValue {
        let start = position
        var isInteger = true
        scan: while let byte = current {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isInteger = false
            default: break scan
            }
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int(text) { return .integer(value) }
        guard !text.isEmpty, text.utf8.first != UInt8(ascii: "+"), let value = Double(text), value.isFinite else {
            position = start
            throw failure(text.isEmpty ? "a value is expected" : "'\(text.prefix(40))' is not a number")
        }
        return .number(value)
    }

    private mutating func string() throws(TokenizerError) -> [UInt8] {
        position += 1
        var start = position
        var result: [UInt8] = []
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                result.append(contentsOf: bytes[start..<position])
                position += 1
                return result
            case UInt8(ascii: "\\"):
                result.append(contentsOf: bytes[start..<position])
                position += 1
                try escape(into: &result)
                start = position
            case 0..<0x20: throw failure("a control character in a string must be escaped")
            default: position += 1
            }
        }
        throw failure("a string is not closed")
    }

    private mutating func escape(into result: inout [UInt8]) throws(TokenizerError) {
        guard let byte = current else { throw failure("a string is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code), bytes[position...].starts(with: [0x5C, 0x75]) {
                position += 2
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair is missing") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair is missing") }
            result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(TokenizerError) -> UInt32 {
        guard position + 4 <= bytes.count,
            bytes[position..<(position + 4)].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
            let code = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits are expected") }
        position += 4
        return code
    }
}
