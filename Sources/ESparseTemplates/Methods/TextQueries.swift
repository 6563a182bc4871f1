// The methods of texts that answer questions about them.

extension Interpreter {
    /// Calls a method that gives a number or a truth value.
    func ask(_ name: String, of text: Text, _ arguments: Arguments) throws(Problem) -> Value {
        switch name {
        case "startswith", "endswith":
            let values = try positional(name, ["affix", "start", "end"], required: 1, arguments)
            let range = try bounds(values[1], values[2], in: text.count)
            return .boolean(try hasAffix(text, values[0] ?? .none, in: range, atEnd: name == "endswith"))
        case "find", "rfind", "index", "rindex", "count": return try place(name, in: text, arguments)
        default: break
        }
        _ = try arguments.bound(name, [])
        try meter.step(text.count)
        switch name {
        case "isupper": return .boolean(text.isUppercase)
        case "islower": return .boolean(text.isLowercase)
        case "isspace": return .boolean(text.isEvery(\.isSpace))
        case "isalpha": return .boolean(text.isEvery(\.isAlphabetic))
        case "isdecimal": return .boolean(text.isEvery(\.isDecimal))
        case "isdigit": return .boolean(text.isEvery(\.isNumericDigit))
        case "isnumeric": return .boolean(text.isEvery(\.isNumeric))
        case "isalnum": return .boolean(text.isEvery { $0.isAlphabetic || $0.isNumeric })
        case "isascii": return .boolean(text.letters.allSatisfy { $0.code < 0x80 })
        case "isprintable": return .boolean(text.letters.allSatisfy(\.isPrintable))
        default: throw .failure("the method '\(name)' of a str is not supported")
        }
    }

    private func hasAffix(_ text: Text, _ affix: Value, in range: (start: Int, end: Int), atEnd: Bool) throws(Problem)
        -> Bool
    {
        if case .tuple(let list) = affix {
            for element in list.elements where try hasAffix(text, element, in: range, atEnd: atEnd) { return true }
            return false
        }
        let affix = try affix.string(atEnd ? "endswith" : "startswith")
        try meter.step(1 + affix.count >> 4)
        guard affix.count <= range.end - range.start else { return false }
        return text.holds(affix, at: atEnd ? range.end - affix.count : range.start)
    }

    private func place(_ name: String, in text: Text, _ arguments: Arguments) throws(Problem) -> Value {
        let values = try positional(name, ["sub", "start", "end"], required: 1, arguments)
        let wanted = try (values[0] ?? .none).string(name)
        let range = try bounds(values[1], values[2], in: text.count)
        if name == "count" {
            return .integer(try text.occurrences(of: wanted, from: range.start, to: range.end, meter))
        }
        let found =
            name.hasPrefix("r")
            ? try text.findLast(wanted, from: range.start, to: range.end, meter)
            : try text.find(wanted, from: range.start, to: range.end, meter)
        if found == nil, name.hasSuffix("index") { throw .failure("the text that '\(name)' looks for is not there") }
        return .integer(found ?? -1)
    }
}
