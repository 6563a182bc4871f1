// The filter `tojson`: Python's `json.dumps`.

/// How JSON is laid out.
struct JSONLayout {
    var escapesNonASCII = false
    /// What a level is indented by; nil for one line.
    var indent: Text?
    var itemSeparator: Text = ", "
    var keySeparator: Text = ": "
    var sortsKeys = false
}

extension Value {
    /// The value as JSON.
    ///
    /// - Throws: for values that JSON does not have.
    func json(_ layout: JSONLayout, _ meter: Meter) throws(Problem) -> Text {
        var writer = JSONTextWriter(layout, meter)
        try writer.write(self, level: 0)
        return writer.output.text
    }
}

private struct JSONTextWriter {
    let layout: JSONLayout
    let meter: Meter
    var output: LetterWriter

    init(_ layout: JSONLayout, _ meter: Meter) {
        self.layout = layout
        self.meter = meter
        output = LetterWriter(meter)
    }

    mutating func write(_ value: Value, level: Int) throws(Problem) {
        try meter.step()
        switch value {
        case .none: try output.append("null")
        case .boolean(let value): try output.append(value ? "true" : "false")
        case .integer(let value): try output.append(String(value))
        case .float(let value): try output.append(Self.number(value))
        case .text(let text): try string(text)
        case .list(let list), .tuple(let list):
            guard !list.elements.isEmpty else { return try output.append("[]") }
            try output.append("[")
            for (place, element) in list.elements.enumerated() {
                try separate(place, level: level)
                try write(element, level: level + 1)
            }
            try lineBreak(level: level)
            try output.append("]")
        case .dictionary(let dictionary): try object(dictionary, level: level)
        default: throw .failure("a \(value.typeName) cannot be written as JSON")
        }
    }

    private mutating func object(_ dictionary: ValueDictionary, level: Int) throws(Problem) {
        var entries: [Value] = []
        for entry in dictionary.entries { entries.append(try .tuple(of: [entry.key, entry.value], meter)) }
        if layout.sortsKeys {
            let keyed = zip(dictionary.entries, entries).map { (key: $0.key, value: $1) }
            entries = try Value.sorted(keyed, descending: false, meter)
        }
        guard !entries.isEmpty else { return try output.append("{}") }
        try output.append("{")
        for (place, entry) in entries.enumerated() {
            guard case .tuple(let pair) = entry else { continue }
            try separate(place, level: level)
            try string(Self.key(pair.elements[0]))
            try output.append(layout.keySeparator)
            try write(pair.elements[1], level: level + 1)
        }
        try lineBreak(level: level)
        try output.append("}")
    }

    private static func key(_ value: Value) throws(Problem) -> Text {
        switch value {
        case .text(let text): text
        case .none: "null"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): Text(String(value))
        case .float(let value): Text(number(value))
        default: throw .failure("a \(value.typeName) cannot be a key in JSON")
        }
    }

    private static func number(_ value: Double) -> String {
        value.isFinite ? FloatText.shortest(value) : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
    }

    private mutating func separate(_ place: Int, level: Int) throws(Problem) {
        if place > 0 { try output.append(layout.itemSeparator) }
        try lineBreak(level: level + 1)
    }

    private mutating func lineBreak(level: Int) throws(Problem) {
        guard let indent = layout.indent else { return }
        try output.append("\n")
        for _ in 0..<level { try output.append(indent) }
    }

    private mutating func string(_ text: Text) throws(Problem) {
        try output.append("\"")
        for letter in text.letters {
            switch letter.code {
            case 0x22: try output.append(Text(letter.mapped("\\\"")))
            case 0x5C: try output.append(Text(letter.mapped("\\\\")))
            case 0x0A: try output.append(Text(letter.mapped("\\n")))
            case 0x0D: try output.append(Text(letter.mapped("\\r")))
            case 0x09: try output.append(Text(letter.mapped("\\t")))
            case 0x0C: try output.append(Text(letter.mapped("\\f")))
            case 0x08: try output.append(Text(letter.mapped("\\b")))
            case ..<0x20: try output.append(Text(letter.mapped("\\u" + letter.hexadecimal(4))))
            case 0x7F... where layout.escapesNonASCII && letter.code > 0x7F:
                try output.append(Text(letter.mapped(Self.escape(letter))))
            default: try output.append(letter)
            }
        }
        try output.append("\"")
    }

    private static func escape(_ letter: Letter) -> String {
        guard letter.code > 0xFFFF else { return "\\u" + letter.hexadecimal(4) }
        let rest = letter.code - 0x10000
        return "\\u" + Letter(0xD800 + rest >> 10).hexadecimal(4) + "\\u" + Letter(0xDC00 + rest & 0x3FF).hexadecimal(4)
    }
}
