// Numbers from text, as Python's `int` and `float` read them.

extension Text {
    /// Python's `int(text, base)`, or nil where it is no integer.
    ///
    /// - Throws: where it does not fit 64 bits.
    func integer(base: Int) throws(Problem) -> Int? {
        guard base == 0 || base >= 2 && base <= 36 else { throw .failure("\(base) is no base of numbers") }
        var digits = trimmed.string.lowercased()[...]
        guard digits.utf8.count <= 4300 else { throw ArithmeticOperator.tooLarge }
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
        var base = base
        for (prefix, value) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            guard base == value || base == 0 else { continue }
            base = value
            digits.removeFirst(2)
            if digits.hasPrefix("_") { digits.removeFirst() }
        }
        if base == 0 {
            guard !digits.hasPrefix("0") || digits.allSatisfy({ $0 == "0" || $0 == "_" }) else { return nil }
            base = 10
        }
        guard let plain = Self.withoutUnderscores(digits) else { return nil }
        for digit in plain {
            guard digit.isASCII, let value = digit.hexDigitValue ?? Self.letterValue(digit), value < base else {
                return nil
            }
        }
        guard let value = Int((isNegative ? "-" : "") + plain, radix: base) else { throw ArithmeticOperator.tooLarge }
        return value
    }

    private static func letterValue(_ character: Character) -> Int? {
        guard let ascii = character.asciiValue, ascii >= 0x61, ascii <= 0x7A else { return nil }
        return Int(ascii) - 0x61 + 10
    }

    /// Python's `float(text)`, or nil where it is no number.
    var double: Double? {
        let text = trimmed.string.lowercased()
        let unsigned = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        switch unsigned {
        case "inf", "infinity": return text.hasPrefix("-") ? -.infinity : .infinity
        case "nan": return .nan
        default: break
        }
        guard unsigned.utf8.count <= 4300, let plain = Self.withoutUnderscores(unsigned),
            plain.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || [0x2E, 0x65, 0x2B, 0x2D].contains($0) })
        else { return nil }
        // Swift wants a digit on both sides of the point.
        var completed = plain.hasPrefix(".") ? "0" + plain : plain
        if completed.hasSuffix(".") { completed += "0" }
        completed = completed.replacing(".e", with: ".0e")
        guard completed.utf8.first.map({ $0 >= 0x30 && $0 <= 0x39 }) ?? false, plain != "." else { return nil }
        return Double((text.hasPrefix("-") ? "-" : "") + completed)
    }

    /// Digits whose underscores stand between two of them, or nil.
    private static func withoutUnderscores(_ text: Substring) -> String? {
        guard !text.isEmpty, !text.hasPrefix("_"), !text.hasSuffix("_"), !text.contains("__") else { return nil }
        return text.filter { $0 != "_" }
    }

    private var trimmed: Text {
        let start = letters.firstIndex { !$0.isSpace } ?? count
        let end = letters.lastIndex { !$0.isSpace }.map { $0 + 1 } ?? count
        return start < end ? Text(letters[start..<end]) : ""
    }
}

extension Value {
    /// Python's `int(value)` of a number.
    ///
    /// - Throws: where it is infinite, no number, or does not fit 64 bits.
    static func truncated(_ value: Double) throws(Problem) -> Value {
        guard let whole = Int(exactly: value.rounded(.towardZero)) else { throw ArithmeticOperator.tooLarge }
        return .integer(whole)
    }
}
