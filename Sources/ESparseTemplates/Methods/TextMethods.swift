// The methods of texts that give texts and lists.

extension Interpreter {
    func call(_ name: String, of text: Text, _ arguments: Arguments) throws(Problem) -> Value {
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try positional(name, ["chars"], arguments)[0]?.unlessNone
            let set = try characters?.string(name)
            return .text(try text.stripped(set, left: name != "rstrip", right: name != "lstrip", meter))
        case "split", "rsplit":
            let values = try arguments.bound(name, ["sep", "maxsplit"])
            let separator = try values[0]?.unlessNone?.string(name)
            let limit = try values[1]?.integer(name) ?? -1
            let pieces =
                name == "split"
                ? try text.split(separator, limit: limit, meter) : try text.splitFromEnd(separator, limit: limit, meter)
            return try list(pieces)
        case "splitlines":
            let keeps = try arguments.bound(name, ["keepends"])[0]?.isTrue ?? false
            return try list(text.lines(keepsEnds: keeps, meter))
        case "replace":
            let values = try positional(name, ["old", "new", "count"], required: 2, arguments)
            var new = try (values[1] ?? .none).string(name)
            if text.isMarkup { new = try new.escaped(meter) }
            let old = try (values[0] ?? .none).string(name)
            return .text(try text.replacing(old, with: new, limit: values[2]?.integer(name) ?? -1, meter))
        case "upper", "lower", "title", "capitalize", "swapcase", "casefold":
            _ = try arguments.bound(name, [])
            return .text(try recased(text, name))
        case "join": return .text(try joined(text, positional(name, ["iterable"], required: 1, arguments)[0] ?? .none))
        case "format": return .text(try text.formatted(braces: arguments, meter))
        case "partition", "rpartition":
            let separator = try (positional(name, ["sep"], required: 1, arguments)[0] ?? .none).string(name)
            return try partition(text, separator, fromEnd: name == "rpartition")
        case "removeprefix", "removesuffix":
            let part = try (positional(name, ["part"], required: 1, arguments)[0] ?? .none).string(name)
            let isPrefix = name == "removeprefix"
            try meter.step(part.count >> 4)
            guard !part.isEmpty, text.holds(part, at: isPrefix ? 0 : text.count - part.count) else {
                return .text(text)
            }
            try meter.allocate(letters: text.count)
            return .text(text.with(isPrefix ? text.letters.dropFirst(part.count) : text.letters.dropLast(part.count)))
        case "center", "ljust", "rjust", "zfill": return .text(try justified(text, name, arguments))
        default: return try ask(name, of: text, arguments)
        }
    }

    /// The values of parameters that have no names outside.
    func positional(
        _ function: String, _ parameters: [String], required: Int = 0, _ arguments: Arguments
    ) throws(Problem) -> [Value?] {
        guard arguments.keywords.isEmpty else { throw .failure("\(function) takes no named arguments") }
        return try arguments.bound(function, parameters, required: required)
    }

    func list(_ texts: [Text]) throws(Problem) -> Value { try .list(of: texts.map { .text($0) }, meter) }

    /// A text in another case.
    func recased(_ text: Text, _ name: String) throws(Problem) -> Text {
        try meter.allocate(letters: text.count)
        try meter.step(2 * text.count)
        let result =
            switch name {
            case "upper": text.uppercased()
            case "lower", "casefold": text.lowercased()
            case "title": text.titlecased()
            case "capitalize": text.capitalized()
            default: text.caseSwapped()
            }
        try meter.allocate(letters: max(0, result.count - text.count))
        return result
    }

    /// Texts with a separator between.
    private func joined(_ separator: Text, _ texts: Value) throws(Problem) -> Text {
        var writer = LetterWriter(meter)
        for (place, element) in try texts.elements(meter).enumerated() {
            if place > 0 { try writer.append(separator) }
            if separator.isMarkup {
                try writer.append(element.escaped(meter))
            } else {
                try writer.append(element.string("join"))
            }
        }
        return separator.with(writer.letters)
    }

    private func partition(_ text: Text, _ separator: Text, fromEnd: Bool) throws(Problem) -> Value {
        guard !separator.isEmpty else { throw .failure("partition needs a separator that is not empty") }
        try meter.allocate(letters: text.count)
        let place = fromEnd ? try text.findLast(separator, meter) : try text.find(separator, meter)
        let parts: [Text]
        if let place {
            parts = [
                text.with(text.letters[..<place]), separator, text.with(text.letters[(place + separator.count)...]),
            ]
        } else {
            parts = fromEnd ? ["", "", text] : [text, "", ""]
        }
        return try .tuple(of: parts.map { .text(text.with($0.letters)) }, meter)
    }

    private func justified(_ text: Text, _ name: String, _ arguments: Arguments) throws(Problem) -> Text {
        let values = try positional(name, name == "zfill" ? ["width"] : ["width", "fillchar"], required: 1, arguments)
        let fill = try values.count > 1 ? values[1]?.string(name) : nil
        guard fill.map({ $0.count == 1 }) ?? true else { throw .failure("\(name) fills with one character") }
        let width = try (values[0] ?? .none).integer(name)
        guard width > text.count else { return text }
        let missing = width - text.count
        try meter.allocate(letters: max(width, 0))
        func filling(_ count: Int) -> [Letter] {
            [Letter](repeating: fill?.letters.first ?? Letter(name == "zfill" ? 0x30 : 0x20), count: count)
        }
        switch name {
        case "ljust": return text.with(text.letters + filling(missing))
        case "rjust": return text.with(filling(missing) + text.letters)
        case "zfill":
            let hasSign = text.letters.first.map { $0.code == 0x2B || $0.code == 0x2D } ?? false
            return text.with(
                text.letters.prefix(hasSign ? 1 : 0) + filling(missing) + text.letters.dropFirst(hasSign ? 1 : 0))
        default:
            // The odd space goes left where the width is odd, as CPython has it.
            let left = missing / 2 + (missing & width & 1)
            return text.with(filling(left) + text.letters + filling(missing - left))
        }
    }
}
