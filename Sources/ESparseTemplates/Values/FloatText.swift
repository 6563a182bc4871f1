// Floating-point numbers as text: the shortest form that reads back, and exact decimals.

/// Writes floating-point numbers as Python does.
enum FloatText {
    /// The steps that exact decimals count as: the smallest numbers have a thousand digits.
    static let cost = 20_000

    /// Python's `repr`: the fewest digits that read back as the same number.
    static func shortest(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let sign = value.sign == .minus ? "-" : ""
        let (digits, exponent) = shortestDigits(value.magnitude)
        let count = digits.count
        if exponent < -4 || exponent >= 16 {
            let fraction = count > 1 ? "." + digits.dropFirst() : ""
            return sign + digits.prefix(1) + fraction + "e" + signed(exponent)
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if exponent + 1 >= count { return sign + digits + String(repeating: "0", count: exponent + 1 - count) + ".0" }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// An exponent with its sign and at least two digits.
    private static func signed(_ exponent: Int) -> String {
        let digits = String(abs(exponent))
        return (exponent < 0 ? "-" : "+") + (digits.count < 2 ? "0" : "") + digits
    }

    /// Digits without zeros at the ends, and the decimal exponent of the first; of a number that is not negative.
    private static func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
        if value == 0 { return ("0", 0) }
        let parts = value.description.split(separator: "e")
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = String(halves[0]) + (halves.count > 1 ? String(halves[1]) : "")
        exponent += halves[0].count - 1
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return (digits, exponent)
    }

    /// The number rounded to `decimals` places after the point, half to even on the exact value: C's `%.{decimals}f`.
    static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let (whole, fraction) = exactDecimals(value.magnitude)
        var digits = whole + fraction
        if fraction.count > decimals {
            let kept = whole.count + decimals
            digits = rounded(digits, to: kept)
        } else {
            digits += [UInt8](repeating: 0, count: decimals - fraction.count)
        }
        let text = digits.map { Character(Unicode.Scalar($0 + 0x30)) }
        let point = text.count - decimals
        let integer = String(text[..<point].drop { $0 == "0" })
        return (value.sign == .minus ? "-" : "") + (integer.isEmpty ? "0" : integer)
            + (decimals > 0 ? "." + String(text[point...]) : "")
    }

    /// C's `%.{decimals}e`.
    static func scientific(_ value: Double, decimals: Int) -> String {
        guard value.isFinite else { return fixed(value, decimals: decimals) }
        let (digits, exponent) = significant(value.magnitude, count: decimals + 1)
        let text = digits.map { Character(Unicode.Scalar($0 + 0x30)) }
        return (value.sign == .minus ? "-" : "") + String(text[..<1]) + (decimals > 0 ? "." + String(text[1...]) : "")
            + "e" + signed(exponent)
    }

    /// C's `%.{precision}g`.
    static func general(_ value: Double, precision: Int) -> String {
        guard value.isFinite else { return fixed(value, decimals: 0) }
        let precision = max(1, precision)
        let exponent = significant(value.magnitude, count: precision).exponent
        let isFixed = exponent >= -4 && exponent < precision
        let text =
            isFixed ? fixed(value, decimals: precision - 1 - exponent) : scientific(value, decimals: precision - 1)
        guard text.contains(".") else { return text }
        let parts = text.split(separator: "e", omittingEmptySubsequences: false)
        var mantissa = parts[0]
        while mantissa.hasSuffix("0") { mantissa.removeLast() }
        if mantissa.hasSuffix(".") { mantissa.removeLast() }
        return mantissa + (parts.count > 1 ? "e" + parts[1] : "")
    }

    /// The first `count` digits, rounded, and the exponent of the first.
    private static func significant(_ value: Double, count: Int) -> (digits: [UInt8], exponent: Int) {
        if value == 0 { return ([UInt8](repeating: 0, count: count), 0) }
        let (whole, fraction) = exactDecimals(value)
        let all = whole + fraction
        let first = all.firstIndex { $0 != 0 } ?? 0
        var exponent = whole.count - 1 - first
        var digits = [0] + all[first...] + [UInt8](repeating: 0, count: max(0, count - (all.count - first)))
        digits = rounded(digits, to: count + 1)
        if digits[0] != 0 {
            exponent += 1
            digits.removeLast()
        } else {
            digits.removeFirst()
        }
        return (digits, exponent)
    }

    /// The first `count` digits, rounded half to even by the others; one digit more where it carries over.
    private static func rounded(_ digits: [UInt8], to count: Int) -> [UInt8] {
        var kept = Array(digits[..<count])
        guard count < digits.count else { return kept }
        let rest = digits[(count + 1)...]
        let isHalf = digits[count] == 5 && rest.allSatisfy { $0 == 0 }
        guard digits[count] > 5 || digits[count] == 5 && (!isHalf || (kept.last ?? 0) % 2 == 1) else { return kept }
        var place = count - 1
        while place >= 0, kept[place] == 9 {
            kept[place] = 0
            place -= 1
        }
        if place >= 0 { kept[place] += 1 } else { kept.insert(1, at: 0) }
        return kept
    }

    /// All decimal digits of a finite number that is not negative, before and after the point.
    private static func exactDecimals(_ value: Double) -> (whole: [UInt8], fraction: [UInt8]) {
        guard value > 0 else { return ([0], []) }
        let isNormal = value.exponentBitPattern > 0
        let shift = (isNormal ? Int(value.exponentBitPattern) : 1) - 1075
        var digits = decimalDigits(value.significandBitPattern | (isNormal ? 1 << 52 : 0))
        var fractionCount = 0
        if shift > 0 {
            for _ in 0..<shift { multiply(&digits, by: 2) }
        } else {
            // m / 2^n = m * 5^n / 10^n
            for _ in 0..<(-shift) { multiply(&digits, by: 5) }
            fractionCount = -shift
        }
        let padding = [UInt8](repeating: 0, count: max(0, fractionCount + 1 - digits.count))
        let all = padding + digits.reversed()
        return (Array(all[..<(all.count - fractionCount)]), Array(all[(all.count - fractionCount)...]))
    }

    /// Digits, least first.
    private static func decimalDigits(_ value: UInt64) -> [UInt8] {
        var digits: [UInt8] = []
        var rest = value
        repeat {
            digits.append(UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        return digits
    }

    private static func multiply(_ digits: inout [UInt8], by factor: UInt8) {
        var carry: UInt8 = 0
        for place in digits.indices {
            let product = digits[place] * factor + carry
            digits[place] = product % 10
            carry = product / 10
        }
        if carry > 0 { digits.append(carry) }
    }
}
