// A code point of a text, which knows whether it came from the conversation.

/// A code point. Two letters are equal where their code points are.
struct Letter: Hashable, Sendable {
    /// The code point in the low 21 bits; bit 31 is set where the letter came from the conversation.
    private let bits: UInt32

    /// - Parameters:
    ///   - code: a code point; lone surrogates, which Python's strings can hold, included.
    ///   - isLiteral: whether it came from the conversation, so that no control token may be read in it.
    init(_ code: UInt32, isLiteral: Bool = false) { bits = code & 0x1F_FFFF | (isLiteral ? 1 << 31 : 0) }

    init(_ scalar: Unicode.Scalar) { self.init(scalar.value) }

    /// The code point.
    var code: UInt32 { bits & 0x1F_FFFF }

    /// Whether it came from the conversation.
    var isLiteral: Bool { bits >> 31 != 0 }

    /// The scalar, or U+FFFD for half of a surrogate pair.
    var scalar: Unicode.Scalar { Unicode.Scalar(code) ?? "\u{FFFD}" }

    static func == (left: Letter, right: Letter) -> Bool { left.code == right.code }

    func hash(into hasher: inout Hasher) { hasher.combine(code) }

    /// Python's `str.isspace`: what `strip` and `split` take for white space.
    var isSpace: Bool {
        switch code {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// What `splitlines` takes for the end of a line.
    var isLineEnd: Bool {
        switch code {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    var isDigit: Bool { code >= 0x30 && code <= 0x39 }

    /// Whether a name may have it.
    var isWord: Bool {
        switch code {
        case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        case 0..<0x80: false
        default: scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
    }

    /// Python's `str.isprintable`, which decides what `repr` escapes.
    var isPrintable: Bool {
        if code >= 0x20, code < 0x7F { return true }
        guard let scalar = Unicode.Scalar(code) else { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    /// Letters of a mapping of this one, which come from where this one came from.
    func mapped(_ text: String) -> [Letter] {
        text.unicodeScalars.map { Letter($0.value, isLiteral: isLiteral) }
    }
}
