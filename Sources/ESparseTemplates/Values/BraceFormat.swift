// Python's `str.format`: replacement fields in braces.

extension Text {
    /// The text with its fields filled in.
    func formatted(braces arguments: Arguments, _ meter: Meter) throws(Problem) -> Text {
        var formatter = BraceFormatter(format: self, arguments: arguments, meter: meter)
        return Text(try formatter.run().letters, isMarkup: isMarkup)
    }
}

private struct BraceFormatter {
    let format: Text
    let arguments: Arguments
    let meter: Meter
    private var position = 0
    private var automatic = 0

    init(format: Text, arguments: Arguments, meter: Meter) {
        self.format = format
        self.arguments = arguments
        self.meter = meter
    }

    mutating func run() throws(Problem) -> Text {
        var writer = LetterWriter(meter)
        while position < format.count {
            let letter = format.letters[position]
            position += 1
            let isDoubled = position < format.count && format.letters[position] == letter
            switch letter.code {
            case 0x7B where isDoubled, 0x7D where isDoubled:
                position += 1
                try writer.append(letter)
            case 0x7B: try field(into: &writer)
            case 0x7D: throw .failure("a single '}' is in a format")
            default: try writer.append(letter)
            }
        }
        return writer.text
    }

    private mutating func field(into writer: inout LetterWriter) throws(Problem) {
        guard let end = format.letters[position...].firstIndex(of: Letter(0x7D)) else {
            throw .failure("a '{' in a format is not closed")
        }
        let content = Array(format.letters[position..<end])
        guard !content.contains(Letter(0x7B)) else {
            throw .failure("fields inside fields of a format are not supported")
        }
        position = end + 1
        let colon = content.firstIndex(of: Letter(0x3A)) ?? content.count
        var name = Array(content[..<colon])
        var conversion: Unicode.Scalar?
        if let mark = name.firstIndex(of: Letter(0x21)) {
            guard mark + 2 == name.count else { throw .failure("a conversion in a format is 's' or 'r'") }
            conversion = name[mark + 1].scalar
            name.removeSubrange(mark...)
        }
        var value = try self.value(name)
        switch conversion {
        case nil: break
        case "s": value = .text(try value.printed(meter))
        case "r": value = .text(try value.represented(meter))
        default: throw .failure("a conversion in a format is 's' or 'r'")
        }
        try write(value, Array(content[min(colon + 1, content.count)...]), into: &writer)
    }

    /// The argument that a field names, with the attributes and elements behind it.
    private mutating func value(_ name: [Letter]) throws(Problem) -> Value {
        var rest = name[...]
        let first = rest.prefix { $0.code != 0x2E && $0.code != 0x5B }
        rest = rest[first.endIndex...]
        var value: Value
        if first.allSatisfy(\.isDigit) {
            let index = first.isEmpty ? automatic : Int(Text(first).string) ?? .max
            if first.isEmpty { automatic += 1 }
            guard index < arguments.positional.count else {
                throw .failure("a format asks for more values than there are")
            }
            value = arguments.positional[index]
        } else {
            let name = Text(first)
            guard let argument = arguments.keyword(name) else {
                throw .failure("a format asks for '\(name.excerpt(80))', which is not there")
            }
            value = argument
        }
        while let letter = rest.first {
            rest = rest.dropFirst()
            let part: [Letter]
            if letter.code == 0x2E {
                part = Array(rest.prefix { $0.code != 0x2E && $0.code != 0x5B })
                value = try value.attribute(Text(part), meter)
            } else {
                part = Array(rest.prefix { $0.code != 0x5D })
                let text = Text(part)
                let index: Value = text.isEvery(\.isDigit) ? .integer(Int(text.string) ?? .max) : .text(text)
                value = try value.element(index, meter)
            }
            rest = rest.dropFirst(part.count + (letter.code == 0x5B ? 1 : 0))
        }
        return value
    }

    private func write(_ value: Value, _ specification: [Letter], into writer: inout LetterWriter) throws(Problem) {
        guard !specification.isEmpty else { return try writer.append(try value.printed(meter)) }
        if case .undefined(let undefined) = value { throw undefined.problem }
        var layout = FieldLayout()
        let type = try parse(specification, isText: value.text != nil, into: &layout)
        if let text = value.text {
            guard type == nil || type == "s", layout.alignment != "=" else {
                throw .failure("a format for numbers is used for a str")
            }
            return try layout.padded(Text(Array(text.letters.prefix(layout.precision ?? .max))), into: &writer)
        }
        let signed: (text: Text, signLength: Int)
        switch (value, type) {
        case (.boolean, nil): signed = (try value.printed(meter), 0)
        case (_, "d"?), (.integer, nil), (.integer, "n"?):
            guard let whole = value.index else { throw .failure("the format 'd' needs an int") }
            signed = layout.signed(String(whole))
        case (_, "x"?), (_, "X"?), (_, "o"?), (_, "b"?):
            guard let whole = value.index, let type else { throw .failure("the format 'x' needs an int") }
            let radix = type == "o" ? 8 : type == "b" ? 2 : 16
            let digits = String(whole, radix: radix, uppercase: type == "X")
            signed = layout.signed(digits, prefix: "0" + String(Character(type)))
        case (_, "e"?), (_, "E"?), (_, "f"?), (_, "F"?), (_, "g"?), (_, "G"?), (_, "%"?):
            guard let number = value.double, let type else { throw .failure("a format for numbers needs a number") }
            try meter.step(FloatText.cost)
            let text = FloatText.formatted(type == "%" ? number * 100 : number, type, precision: layout.precision ?? 6)
            signed = layout.signed(type == "%" ? text + "%" : text)
        case (.float(let number), nil) where layout.precision == nil: signed = layout.signed(FloatText.shortest(number))
        default: throw .failure("this format of a \(value.typeName) is not supported")
        }
        try layout.padded(signed.text, signLength: signed.signLength, into: &writer)
    }

    /// Reads `[[fill]align][sign][#][0][width][grouping][.precision][type]` and gives the type.
    private func parse(_ letters: [Letter], isText: Bool, into layout: inout FieldLayout) throws(Problem) -> Unicode
        .Scalar?
    {
        var place = 0
        func scalar(_ place: Int) -> Unicode.Scalar? { place < letters.count ? letters[place].scalar : nil }
        func isAlignment(_ scalar: Unicode.Scalar?) -> Bool {
            scalar.map { "<>^=".unicodeScalars.contains($0) } ?? false
        }
        layout.alignment = isText ? "<" : ">"
        if isAlignment(scalar(1)) {
            layout.fill = letters[0]
            layout.alignment = letters[1].scalar
            place = 2
        } else if isAlignment(scalar(0)) {
            layout.alignment = letters[0].scalar
            place = 1
        }
        if let sign = scalar(place), "+- ".unicodeScalars.contains(sign) {
            layout.sign = sign
            place += 1
        }
        if scalar(place) == "#" {
            layout.hasPrefix = true
            place += 1
        }
        if scalar(place) == "0" {
            if place == 0 {
                layout.fill = Letter(0x30)
                layout.alignment = isText ? "<" : "="
            }
            place += 1
        }
        func number() throws(Problem) -> Int? {
            var value: Int?
            while place < letters.count, letters[place].isDigit {
                value = (value ?? 0) * 10 + Int(letters[place].code - 0x30)
                guard (value ?? 0) <= FieldLayout.largest else {
                    throw .failure("a width or precision is over \(FieldLayout.largest)")
                }
                place += 1
            }
            return value
        }
        layout.width = try number() ?? 0
        if let grouping = scalar(place), grouping == "," || grouping == "_" {
            layout.grouping = grouping
            place += 1
        }
        if scalar(place) == "." {
            place += 1
            guard let precision = try number() else { throw .failure("a format's precision is missing") }
            layout.precision = precision
        }
        let type = scalar(place)
        guard place + 1 >= letters.count else { throw .failure("a format's specification is not understood") }
        return type
    }
}
