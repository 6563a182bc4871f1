// JSON as a value: what the strict parser yields, and text with sorted keys from it.

/// A JSON value. Object keys are unique: the parser refuses texts that repeat one.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number written without fraction or exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The members of an object, or nil.
    package var object: [String: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements of an array, or nil.
    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// A string's text, or nil.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// An integer, or nil for anything else.
    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// UTF-8 text with keys in byte order, so that equal values give equal bytes.
    ///
    /// - Parameter indented: two spaces a level and a final line break, or everything on one line without spaces.
    package func serialized(indented: Bool) -> [UInt8] {
        var output: [UInt8] = []
        write(to: &output, indented: indented, level: 0)
        if indented { output.append(UInt8(ascii: "\n")) }
        return output
    }

    private func write(to output: inout [UInt8], indented: Bool, level: Int) {
        func breakLine(_ level: Int) {
            guard indented else { return }
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
        }
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: String(value).utf8)
        case .number(let value): output.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
        case .string(let text): JSONValue.write(text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                breakLine(level + 1)
                element.write(to: &output, indented: indented, level: level + 1)
            }
            if !elements.isEmpty { breakLine(level) }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, member) in sorted.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                breakLine(level + 1)
                JSONValue.write(member.key, to: &output)
                output.append(contentsOf: (indented ? ": " : ":").utf8)
                member.value.write(to: &output, indented: indented, level: level + 1)
            }
            if !members.isEmpty { breakLine(level) }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: output.append(contentsOf: "\\n".utf8)
            case 0x0D: output.append(contentsOf: "\\r".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                output.append(contentsOf: "\\u00".utf8)
                output.append(contentsOf: [digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
