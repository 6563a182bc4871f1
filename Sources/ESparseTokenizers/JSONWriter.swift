// Writes JSON text piece by piece, so that large vocabularies need no tree in memory.

/// Appends JSON to a byte buffer.
struct JSONWriter {
    /// The text so far.
    private(set) var bytes: [UInt8] = []

    /// Appends text that is JSON already.
    mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    /// Appends a string in quotes; only what RFC 8259 demands is escaped.
    mutating func string(_ content: some Sequence<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for byte in content {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                raw("\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends a string in quotes.
    mutating func string(_ text: String) { string(text.utf8) }

    /// Appends elements separated by commas, each written by `write`.
    mutating func list<Elements: Sequence>(
        _ elements: Elements, separator: String = ",", write: (inout JSONWriter, Elements.Element) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { raw(separator) }
            isFirst = false
            write(&self, element)
        }
    }
}
