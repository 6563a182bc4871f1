// Writes JSON text piece by piece, so that large vocabularies need no tree in memory, or a whole value at once.

/// Appends JSON to a byte buffer.
package struct JSONWriter {
    /// The text so far.
    package private(set) var bytes: [UInt8] = []

    /// Starts with no text.
    package init() {}

    /// Appends text that is JSON already.
    package mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Appends a string in quotes; only what RFC 8259 demands is escaped.
    package mutating func string(_ content: some Sequence<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in content {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: raw("\\n")
            case 0x0D: raw("\\r")
            case 0x09: raw("\\t")
            case 0..<0x20: raw("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a string in quotes.
    package mutating func string(_ text: String) { string(text.utf8) }

    /// Appends elements separated by commas, each written by `write`.
    package mutating func list<Elements: Sequence>(
        _ elements: Elements, separator: String = ",", write: (inout JSONWriter, Elements.Element) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { raw(separator) }
            isFirst = false
            write(&self, element)
        }
    }

    /// Appends a value; `indentation` is that of the line it starts on, or nil to keep it on that line.
    fileprivate mutating func value(_ value: JSONValue, indentation: String?) {
        let inner = indentation.map { $0 + "  " }
        func lineBreak(_ indentation: String?) -> String { indentation.map { "\n" + $0 } ?? "" }
        switch value {
        case .null: raw("null")
        case .boolean(let value): raw(value ? "true" : "false")
        case .integer(let value): raw(String(value))
        case .number(let value): raw(value.isFinite ? String(value) : "null")
        case .string(let text): string(text)
        case .array(let elements):
            raw("[" + (elements.isEmpty ? "" : lineBreak(inner)))
            list(elements, separator: "," + lineBreak(inner)) { $0.value($1, indentation: inner) }
            raw((elements.isEmpty ? "" : lineBreak(indentation)) + "]")
        case .object(let members):
            raw("{" + (members.isEmpty ? "" : lineBreak(inner)))
            list(members, separator: "," + lineBreak(inner)) { writer, member in
                writer.string(member.key)
                writer.raw(inner == nil ? ":" : ": ")
                writer.value(member.value, indentation: inner)
            }
            raw((members.isEmpty ? "" : lineBreak(indentation)) + "}")
        }
    }
}

extension JSONValue {
    /// UTF-8 text, members in their order.
    ///
    /// - Parameter indented: two spaces a level and a final line break, or everything on one line without spaces.
    package func serialized(indented: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self, indentation: indented ? "" : nil)
        if indented { writer.raw("\n") }
        return writer.bytes
    }
}
