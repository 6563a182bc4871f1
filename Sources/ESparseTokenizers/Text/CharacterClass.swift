// The character classes that pre-tokenizer patterns distinguish.

/// A scalar's class: exactly one of `\p{L}`, `\p{N}`, CR or LF, other `\s`, and the rest.
enum CharacterClass: UInt8 {
    case letter
    case number
    case newline
    case space
    case other

    private static let ascii: [CharacterClass] = (0..<0x80).map { classify(Unicode.Scalar(UInt8($0))) }

    /// The class of a scalar value.
    @inline(__always)
    static func of(_ value: UInt32) -> CharacterClass {
        if value < 0x80 { return ascii[Int(value)] }
        return Unicode.Scalar(value).map(classify) ?? .other
    }

    private static func classify(_ scalar: Unicode.Scalar) -> CharacterClass {
        if scalar == "\r" || scalar == "\n" { return .newline }
        if scalar.properties.isWhitespace { return .space }
        let category: CharacterClass
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: category = .letter
        case .decimalNumber, .letterNumber, .otherNumber: category = .number
        default: return .other
        }
        // The reference's regex engine knows Unicode 16; later characters are "other" to it.
        return (scalar.properties.age?.major ?? 0) <= 16 ? category : .other
    }

    /// What a scalar can be within a word of capital letters followed by small ones.
    enum WordPart {
        /// `\p{Lu}` or `\p{Lt}`: only among the capitals.
        case capital
        /// `\p{Ll}`: only after them.
        case small
        /// `\p{Lm}`, `\p{Lo}` or `\p{M}`: anywhere.
        case either
        /// No part of a word.
        case none
    }

    /// The part of a word that a scalar value can be.
    static func wordPart(_ value: UInt32) -> WordPart {
        if value < 0x80 {
            return value >= 0x61 && value <= 0x7A ? .small : value >= 0x41 && value <= 0x5A ? .capital : .none
        }
        guard let properties = Unicode.Scalar(value)?.properties else { return .none }
        let part: WordPart
        switch properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: part = .capital
        case .lowercaseLetter: part = .small
        case .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark: part = .either
        default: return .none
        }
        return (properties.age?.major ?? 0) <= 16 ? part : .none
    }

    /// Whether the `Digits` pre-tokenizer isolates a scalar: general category N, in today's Unicode.
    static func isNumeric(_ value: UInt32) -> Bool {
        if value < 0x80 { return value >= 0x30 && value <= 0x39 }
        switch Unicode.Scalar(value)?.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: return true
        default: return false
        }
    }

    /// Whether a scalar is White_Space (`\s`).
    static func isWhitespace(_ value: UInt32) -> Bool {
        switch of(value) {
        case .newline, .space: true
        default: false
        }
    }

    /// Whether a scalar is part of a word (`\w`, UTS 18).
    static func isWord(_ value: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(value)?.properties else { return false }
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}
