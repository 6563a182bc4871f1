// The reversible byte alphabet of byte-level BPE: how GPT-2 spells bytes as printable characters.

/// Maps each byte to the character that stands for it in a byte-level vocabulary, and back.
///
/// Printable Latin-1 bytes stand for themselves; the other 68, in order, are U+0100, U+0101, …
enum ByteAlphabet {
    /// Character of each byte, `[256]`.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// Byte of each character below U+0144, or -1.
    private static let bytesByScalar: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
        return table
    }()

    /// The bytes that a token spells; a token with a character outside the alphabet stands for its own UTF-8.
    static func bytes(spelledBy token: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(token.count)
        var position = 0
        while position < token.count {
            let (scalar, length) = UTF8Text.scalar(in: token, at: position)
            guard scalar < 0x144, bytesByScalar[Int(scalar)] >= 0 else { return token }
            result.append(UInt8(truncatingIfNeeded: bytesByScalar[Int(scalar)]))
            position += length
        }
        return result
    }

    /// How a byte-level vocabulary spells some bytes.
    static func spelling(of bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { UTF8Text.encoded(scalars[Int($0)]) }
    }
}
