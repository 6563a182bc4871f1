// Reads and repairs UTF-8 in byte arrays.

/// Operations on text held as UTF-8 bytes.
///
/// Text inside the tokenizer is always valid UTF-8 (it all comes through `repaired`), and positions always lie between
/// scalars, so `scalar(in:at:)` reads without checks.
enum UTF8Text {
    /// The text with every maximal ill-formed part replaced by U+FFFD, as Python's `errors="replace"` does.
    static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
        return Array(String(decoding: bytes, as: UTF8.self).utf8)
    }

    /// The scalar that starts at `position` of valid text, and its length in bytes.
    @inline(__always)
    static func scalar(in bytes: [UInt8], at position: Int) -> (value: UInt32, length: Int) {
        let first = UInt32(bytes[position])
        if first < 0x80 { return (first, 1) }
        let second = UInt32(bytes[position + 1] & 0x3F)
        if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
        let third = UInt32(bytes[position + 2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
        let fourth = UInt32(bytes[position + 3] & 0x3F)
        return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, 4)
    }

    /// Where the scalar before `position` starts.
    @inline(__always)
    static func start(before position: Int, in bytes: [UInt8]) -> Int {
        var start = position - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    /// The bytes of a scalar value; a surrogate becomes U+FFFD.
    static func encoded(_ value: UInt32) -> [UInt8] {
        Array(String(Character(Unicode.Scalar(value) ?? "\u{FFFD}")).utf8)
    }

    /// The scalar values of valid text.
    static func scalars(of bytes: some Sequence<UInt8>) -> [UInt32] {
        String(decoding: Array(bytes), as: UTF8.self).unicodeScalars.map(\.value)
    }

    /// Length of the prefix that does not end inside a scalar which later bytes could complete.
    static func completePrefix(of bytes: [UInt8]) -> Int {
        for tail in 1..<4 where tail <= bytes.count {
            let byte = bytes[bytes.count - tail]
            if byte & 0xC0 == 0x80 { continue }
            guard byte >= 0xC2, byte <= 0xF4 else { return bytes.count }
            let needed = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            guard tail < needed, isPossiblePrefix(bytes.suffix(tail)) else { return bytes.count }
            return bytes.count - tail
        }
        return bytes.count
    }

    /// Whether a lead byte and what follows it can begin a well-formed scalar (no overlong form, surrogate or excess).
    private static func isPossiblePrefix(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let lead = bytes.first, let second = bytes.dropFirst().first else { return true }
        switch lead {
        case 0xE0: return second >= 0xA0
        case 0xED: return second < 0xA0
        case 0xF0: return second >= 0x90
        case 0xF4: return second < 0x90
        default: return true
        }
    }
}
