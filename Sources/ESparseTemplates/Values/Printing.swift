// How values print: Python's `str` and `repr`.

extension Value {
    /// Python's `str(value)`.
    ///
    /// - Throws: for objects that Python prints by their address.
    func printed(_ meter: Meter) throws(Problem) -> Text {
        switch self {
        case .text(let text): return text.isMarkup ? Text(text.letters) : text
        case .undefined: return ""
        default:
            var writer = LetterWriter(meter)
            try represent(into: &writer, meter, depth: 0)
            return writer.text
        }
    }

    /// Python's `repr(value)`.
    func represented(_ meter: Meter) throws(Problem) -> Text {
        var writer = LetterWriter(meter)
        try represent(into: &writer, meter, depth: 0)
        return writer.text
    }

    private func represent(into writer: inout LetterWriter, _ meter: Meter, depth: Int) throws(Problem) {
        try meter.step()
        guard depth <= 2 * TemplateLimits.valueDepth else { throw .limit("what is printed nests too deep") }
        switch self {
        case .undefined: try writer.append("Undefined")
        case .none: try writer.append("None")
        case .boolean(let value): try writer.append(value ? "True" : "False")
        case .integer(let value): try writer.append(String(value))
        case .float(let value): try writer.append(FloatText.shortest(value))
        case .text(let text):
            if text.isMarkup { try writer.append("Markup(") }
            try text.represent(into: &writer)
            if text.isMarkup { try writer.append(")") }
        case .list(let list): try Self.represent(list.elements, "[", "]", into: &writer, meter, depth: depth)
        case .tuple(let list):
            let end = list.elements.count == 1 ? ",)" : ")"
            try Self.represent(list.elements, "(", end, into: &writer, meter, depth: depth)
        case .dictionary(let dictionary): try dictionary.represent(into: &writer, meter, depth: depth)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            try writer.append("range(\(range.start), \(range.stop)\(step))")
        case .view(let dictionary, let part):
            let elements = try dictionary.elements(part, meter)
            try Self.represent(elements, "\(part.typeName)([", "])", into: &writer, meter, depth: depth)
        case .namespace(let namespace):
            try writer.append("<Namespace ")
            try namespace.attributes.represent(into: &writer, meter, depth: depth)
            try writer.append(">")
        case .macro(let macro):
            try writer.append("<Macro ")
            if let name = macro.definition.name {
                try Text(name).represent(into: &writer)
            } else {
                try writer.append("anonymous")
            }
            try writer.append(">")
        case .loop(let loop): try writer.append("<LoopContext \(loop.index0 + 1)/\(loop.elements.count)>")
        case .iterator: throw .failure("a generator has no text of its own; the filter 'list' makes a list of it")
        case .cycler, .joiner, .function, .method: throw .failure("a \(typeName) has no text of its own")
        }
    }

    private static func represent(
        _ elements: [Value], _ start: String, _ end: String, into writer: inout LetterWriter, _ meter: Meter, depth: Int
    ) throws(Problem) {
        try writer.append(start)
        for (place, element) in elements.enumerated() {
            if place > 0 { try writer.append(", ") }
            try element.represent(into: &writer, meter, depth: depth + 1)
        }
        try writer.append(end)
    }

    fileprivate func representNested(into writer: inout LetterWriter, _ meter: Meter, depth: Int) throws(Problem) {
        try represent(into: &writer, meter, depth: depth)
    }
}

extension ValueDictionary {
    fileprivate func represent(into writer: inout LetterWriter, _ meter: Meter, depth: Int) throws(Problem) {
        try writer.append("{")
        for (place, entry) in entries.enumerated() {
            if place > 0 { try writer.append(", ") }
            try entry.key.representNested(into: &writer, meter, depth: depth + 1)
            try writer.append(": ")
            try entry.value.representNested(into: &writer, meter, depth: depth + 1)
        }
        try writer.append("}")
    }
}

extension Text {
    /// The text in quotes, with escapes for what does not print.
    fileprivate func represent(into writer: inout LetterWriter) throws(Problem) {
        let hasSingle = letters.contains { $0.code == 0x27 }
        let quote = Letter(hasSingle && !letters.contains { $0.code == 0x22 } ? 0x22 : 0x27)
        try writer.append(quote)
        for letter in letters {
            switch letter.code {
            case quote.code, 0x5C: try writer.append(Text(letter.mapped("\\") + [letter]))
            case 0x0A: try writer.append(Text(letter.mapped("\\n")))
            case 0x0D: try writer.append(Text(letter.mapped("\\r")))
            case 0x09: try writer.append(Text(letter.mapped("\\t")))
            case _ where letter.isPrintable: try writer.append(letter)
            case ..<0x100: try writer.append(Text(letter.mapped("\\x" + letter.hexadecimal(2))))
            case ..<0x10000: try writer.append(Text(letter.mapped("\\u" + letter.hexadecimal(4))))
            default: try writer.append(Text(letter.mapped("\\U" + letter.hexadecimal(8))))
            }
        }
        try writer.append(quote)
    }
}

extension Letter {
    /// The code point in hexadecimal digits, with zeros in front.
    func hexadecimal(_ width: Int) -> String {
        let digits = String(code, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
