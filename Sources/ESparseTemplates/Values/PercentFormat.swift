// Python's `format % values`, which the filter `format` uses too.

extension Text {
    /// The text with its `%` directives filled in from a tuple, a dictionary or a single value.
    func formatted(percent values: Value, _ meter: Meter) throws(Problem) -> Text {
        var formatter = PercentFormatter(format: self, values: values, meter: meter)
        let text = try formatter.run()
        return Text(text.letters, isMarkup: isMarkup)
    }
}

/// How a number or text is laid out.
struct FieldLayout {
    var width = 0
    var precision: Int?
    var fill = Letter(0x20)
    /// "<", ">", "^" or "=".
    var alignment: Unicode.Scalar = ">"
    /// "+", " " or "-".
    var sign: Unicode.Scalar = "-"
    var hasPrefix = false
    var grouping: Unicode.Scalar?

    /// The widest field and the longest fraction that are accepted.
    static let largest = 1000

    /// Puts the fill around a text; `signLength` letters at its start are its sign or prefix.
    func padded(_ text: Text, signLength: Int = 0, into writer: inout LetterWriter) throws(Problem) {
        let missing = max(0, width - text.count)
        switch alignment {
        case "<":
            try writer.append(text)
            try writer.append(fill, count: missing)
        case "^":
            try writer.append(fill, count: missing / 2)
            try writer.append(text)
            try writer.append(fill, count: missing - missing / 2)
        case "=":
            try writer.append(Text(text.letters[..<signLength]))
            try writer.append(fill, count: missing)
            try writer.append(Text(text.letters[signLength...]))
        default:
            try writer.append(fill, count: missing)
            try writer.append(text)
        }
    }

    /// A number's digits with the sign and the separators of thousands that are asked for, and the length of the sign.
    func signed(_ digits: String, prefix: String = "") -> (text: Text, signLength: Int) {
        let isNegative = digits.hasPrefix("-")
        var magnitude = isNegative ? String(digits.dropFirst()) : digits
        if let grouping {
            let end = magnitude.firstIndex { !$0.isNumber } ?? magnitude.endIndex
            var grouped = ""
            for (place, digit) in magnitude[..<end].reversed().enumerated() {
                if place > 0, place % 3 == 0 { grouped.unicodeScalars.append(grouping) }
                grouped.append(digit)
            }
            magnitude = String(grouped.reversed()) + magnitude[end...]
        }
        let front = (isNegative ? "-" : sign == "-" ? "" : String(Character(sign))) + (hasPrefix ? prefix : "")
        return (Text(front + magnitude), front.unicodeScalars.count)
    }
}

private struct PercentFormatter {
    let format: Text
    let values: Value
    let meter: Meter
    private var position = 0
    private var used = 0

    init(format: Text, values: Value, meter: Meter) {
        self.format = format
        self.values = values
        self.meter = meter
    }

    mutating func run() throws(Problem) -> Text {
        var writer = LetterWriter(meter)
        while position < format.count {
            let letter = format.letters[position]
            position += 1
            if letter.code == 0x25 { try directive(into: &writer) } else { try writer.append(letter) }
        }
        if case .tuple(let list) = values, used < list.elements.count {
            throw .failure("not all values of a '%' format were used")
        }
        if used == 0, !isMapping, values.typeName != "tuple" {
            throw .failure("not all values of a '%' format were used")
        }
        return writer.text
    }

    private var isMapping: Bool {
        switch values {
        case .dictionary, .list, .range: true
        default: false
        }
    }

    private mutating func take() throws(Problem) -> Letter {
        guard position < format.count else { throw .failure("a '%' format ends early") }
        position += 1
        return format.letters[position - 1]
    }

    private mutating func directive(into writer: inout LetterWriter) throws(Problem) {
        var layout = FieldLayout()
        var named: Value?
        var letter = try take()
        if letter.code == 0x28 {
            guard let end = format.letters[position...].firstIndex(of: Letter(0x29)),
                case .dictionary(let dictionary) = values
            else { throw .failure("a '%(name)' format needs a dict") }
            let name = Text(format.letters[position..<end])
            guard let value = dictionary.value(name) else {
                throw .failure("a '%' format asks for '\(name.excerpt(80))', which is not there")
            }
            named = value
            position = end + 1
            letter = try take()
        }
        while let flag = Unicode.Scalar(letter.code), "-+ #0".unicodeScalars.contains(flag) {
            switch flag {
            case "-": layout.alignment = "<"
            case "+": layout.sign = "+"
            case " ": if layout.sign != "+" { layout.sign = " " }
            case "#": layout.hasPrefix = true
            default:
                layout.fill = Letter(0x30)
                if layout.alignment == ">" { layout.alignment = "=" }
            }
            letter = try take()
        }
        if layout.alignment == "<" { layout.fill = Letter(0x20) }
        layout.width = try number(&letter)
        if letter.code == 0x2E {
            letter = try take()
            layout.precision = try number(&letter)
        }
        if letter.code == 0x25 { return try writer.append(letter) }
        if let named { return try write(named, letter, layout, into: &writer) }
        try write(next(), letter, layout, into: &writer)
    }

    private mutating func number(_ letter: inout Letter) throws(Problem) -> Int {
        if letter.code == 0x2A { throw .failure("'*' in a '%' format is not supported") }
        var value = 0
        while letter.isDigit {
            value = value * 10 + Int(letter.code - 0x30)
            guard value <= FieldLayout.largest else {
                throw .failure("a width or precision is over \(FieldLayout.largest)")
            }
            letter = try take()
        }
        return value
    }

    private mutating func next() throws(Problem) -> Value {
        defer { used += 1 }
        guard case .tuple(let list) = values else {
            guard used == 0 else { throw .failure("a '%' format asks for more values than there are") }
            return values
        }
        guard used < list.elements.count else { throw .failure("a '%' format asks for more values than there are") }
        return list.elements[used]
    }

    private func write(
        _ value: Value, _ letter: Letter, _ layout: FieldLayout, into writer: inout LetterWriter
    ) throws(Problem) {
        var layout = layout
        switch letter.scalar {
        case "s", "r":
            var text = letter.scalar == "s" ? try value.printed(meter) : try value.represented(meter)
            if format.isMarkup, letter.scalar == "s" { text = try value.escaped(meter) }
            if let precision = layout.precision { text = Text(Array(text.letters.prefix(precision))) }
            layout.fill = Letter(0x20)
            if layout.alignment == "=" { layout.alignment = ">" }
            try layout.padded(text, into: &writer)
        case "d", "i", "u":
            let whole: Int
            if case .float(let value) = value, let truncated = try Value.truncated(value).index {
                whole = truncated
            } else if let index = value.index {
                whole = index
            } else {
                throw .failure("'%d' needs a number, and a \(value.typeName) is there")
            }
            try integer(whole, radix: 10, "", layout, into: &writer)
        case "x", "X", "o":
            guard let whole = value.index else { throw .failure("'%x' needs an int, and a \(value.typeName) is there") }
            let isOctal = letter.scalar == "o"
            try integer(
                whole, radix: isOctal ? 8 : 16, isOctal ? "0o" : letter.scalar == "x" ? "0x" : "0X", layout,
                uppercase: letter.scalar == "X", into: &writer)
        case "f", "F", "e", "E", "g", "G":
            guard let number = value.double else {
                throw .failure("'%f' needs a number, and a \(value.typeName) is there")
            }
            try meter.step(FloatText.cost)
            let text = FloatText.formatted(number, letter.scalar, precision: layout.precision ?? 6)
            let (signed, length) = layout.signed(text)
            if !number.isFinite { layout.fill = Letter(0x20) }
            try layout.padded(signed, signLength: length, into: &writer)
        case "c":
            guard let text = value.text, text.count == 1 else { throw .failure("'%c' needs one character") }
            try layout.padded(text, into: &writer)
        default:
            throw .failure("'%\(Text([letter]).excerpt(1))' in a '%' format is not supported")
        }
    }

    private func integer(
        _ value: Int, radix: Int, _ prefix: String, _ layout: FieldLayout, uppercase: Bool = false,
        into writer: inout LetterWriter
    ) throws(Problem) {
        var digits = String(value.magnitude, radix: radix, uppercase: uppercase)
        if let precision = layout.precision {
            digits = String(repeating: "0", count: max(0, precision - digits.count)) + digits
        }
        let (signed, length) = layout.signed((value < 0 ? "-" : "") + digits, prefix: prefix)
        try layout.padded(signed, signLength: length, into: &writer)
    }
}

extension FloatText {
    /// A number by the letter of a format: e, f, g, and the same in upper case.
    static func formatted(_ value: Double, _ type: Unicode.Scalar, precision: Int) -> String {
        let text =
            switch type {
            case "e", "E": scientific(value, decimals: precision)
            case "g", "G": general(value, precision: precision)
            default: fixed(value, decimals: precision)
            }
        return type.properties.isUppercase ? text.uppercased() : text
    }
}
