// SentencePiece's precompiled table of replacements: a double-array trie of what is replaced, and the texts that come instead.

/// Replaces the longest known prefix of a text, as SentencePiece's normalisation rules (nmt_nfkc, for example) ask.
///
/// The bytes: the trie's size as a little-endian UInt32, its units (UInt32), then replacements, each ended by a zero byte. A unit
/// holds a label in bits 0...7 and 31, whether its first child is a leaf in bit 8, and the distance to its children in bits
/// 10...31, in units of 256 where bit 9 is set; a leaf's unit holds in bits 0...30 where its replacement starts (Yata, darts-clone).
struct CharactersMap: Sendable, Equatable {
    /// Longest text looked up, in bytes; a rule of NFKC needs 18.
    private static let longestKey = 128
    /// Longest replacement accepted, in bytes; NFKC's has 33.
    private static let longestReplacement = 255

    private let units: [UInt32]
    private let replacements: [UInt8]

    /// Reads and checks a table.
    ///
    /// - Throws: `Malformed` where the parts are not as large as the table says, or a replacement is not text.
    init(_ bytes: [UInt8]) throws(Malformed) {
        func unit(_ position: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[position + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count > 4, case let size = Int(unit(0)), size > 0, size % 4 == 0, size <= bytes.count - 4 else {
            throw Malformed(reason: "the table of replacements is cut short")
        }
        units = stride(from: 4, to: 4 + size, by: 4).map(unit)
        replacements = Array(bytes[(4 + size)...])
        guard String(validating: replacements, as: UTF8.self) != nil else {
            throw Malformed(reason: "a replacement is not UTF-8")
        }
        guard replacements.split(separator: 0).allSatisfy({ $0.count <= CharactersMap.longestReplacement }) else {
            throw Malformed(reason: "a replacement has more than \(CharactersMap.longestReplacement) bytes")
        }
    }

    /// A table that cannot be read.
    struct Malformed: Error {
        let reason: String
    }

    /// The replacement of the longest known text at `start` of valid UTF-8, and that text's length in bytes.
    func replacement(in text: [UInt8], at start: Int) -> (content: ArraySlice<UInt8>, length: Int)? {
        var found: (value: Int, length: Int)?
        var node = CharactersMap.childDistance(units[0])
        for position in start..<min(text.count, start + CharactersMap.longestKey) {
            node ^= Int(text[position])
            guard node < units.count, units[node] & 0x8000_00FF == UInt32(text[position]) else { break }
            let unit = units[node]
            node ^= CharactersMap.childDistance(unit)
            let end = position + 1
            guard unit & 0x100 != 0, node < units.count, end == text.count || text[end] & 0xC0 != 0x80 else { continue }
            let value = Int(units[node] & 0x7FFF_FFFF)
            // A hostile table may point into the middle of a character.
            if value < replacements.count, replacements[value] & 0xC0 != 0x80 { found = (value, end - start) }
        }
        guard let found else { return nil }
        let end = replacements[found.value...].firstIndex(of: 0) ?? replacements.count
        return (replacements[found.value..<end], found.length)
    }

    private static func childDistance(_ unit: UInt32) -> Int {
        Int(unit >> 10) << (unit & 0x200 != 0 ? 8 : 0)
    }
}
