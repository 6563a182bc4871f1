// Filters on texts.

enum TextFilters {
    static let all: [String: Filters.Apply] = [
        "trim": trim, "upper": recase("upper"), "lower": recase("lower"), "capitalize": recase("capitalize"),
        "title": title, "replace": replace, "string": string, "safe": safe, "escape": escape, "e": escape,
        "forceescape": escape, "indent": indent, "tojson": json, "format": format, "center": center,
        "truncate": truncate, "wordcount": wordCount, "pprint": unsupported("pprint"), "urlize": unsupported("urlize"),
        "urlencode": unsupported("urlencode"), "wordwrap": unsupported("wordwrap"), "xmlattr": unsupported("xmlattr"),
        "striptags": unsupported("striptags"), "filesizeformat": unsupported("filesizeformat"),
        "random": unsupported("random"),
    ]

    /// A filter that jinja has and that no template needs.
    private static func unsupported(_ name: String) -> Filters.Apply {
        { _, _, _ throws(Problem) in throw .failure("the filter '\(name)' is not supported") }
    }

    private static func recase(_ name: String) -> Filters.Apply {
        { run, value, arguments throws(Problem) in
            _ = try arguments.bound(name, [])
            return .text(try run.recased(run.softText(value), name))
        }
    }

    private static let trim: Filters.Apply = { run, value, arguments throws(Problem) in
        let characters = try arguments.bound("trim", ["chars"])[0]?.unlessNone?.string("trim")
        return .text(try run.softText(value).stripped(characters, run.meter))
    }

    /// jinja's own rule: words begin after white space and '-', '(', '{', '[', '<'.
    private static let title: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("title", [])
        let text = try run.softText(value)
        try run.meter.allocate(letters: 2 * text.count)
        var result: [Letter] = []
        var word: [Letter] = []
        func flush() {
            guard let first = word.first else { return }
            result += Text([first]).uppercased().letters + Text(word[1...]).lowercased().letters
            word = []
        }
        for letter in text.letters {
            if letter.isSpace || "-({[<".unicodeScalars.contains(letter.scalar) {
                flush()
                result.append(letter)
            } else {
                word.append(letter)
            }
        }
        flush()
        return .text(Text(result))
    }

    private static let replace: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("replace", ["old", "new", "count"], required: 2)
        let old = try (values[0] ?? .none).printed(run.meter)
        let new = try (values[1] ?? .none).printed(run.meter)
        let limit = try values[2]?.unlessNone?.integer("replace") ?? -1
        return .text(try value.printed(run.meter).replacing(old, with: new, limit: limit, run.meter))
    }

    private static let string: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("string", [])
        return .text(try run.softText(value))
    }

    private static let safe: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("safe", [])
        return .text(Text(try run.softText(value).letters, isMarkup: true))
    }

    private static let escape: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("escape", [])
        return .text(try run.softText(value).escaped(run.meter))
    }

    private static let indent: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("indent", ["width", "first", "blank"])
        let text = try value.string("indent")
        let width = values[0] ?? .integer(4)
        let spaces = try run.indentation(width, "indent")
        var lines = try Text(text.letters + [Letter("\n")]).lines(run.meter)
        let indentsBlank = values[2]?.isTrue ?? false
        var writer = LetterWriter(run.meter)
        if values[1]?.isTrue ?? false { try writer.append(spaces) }
        if !lines.isEmpty { try writer.append(lines.removeFirst()) }
        for line in lines {
            try writer.append("\n")
            if indentsBlank || !line.isEmpty { try writer.append(spaces) }
            try writer.append(line)
        }
        return .text(text.with(writer.letters))
    }

    private static let json: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
        var layout = JSONLayout()
        layout.escapesNonASCII = values[0]?.isTrue ?? false
        if let indent = values[1]?.unlessNone {
            layout.indent = try run.indentation(indent, "tojson")
            layout.itemSeparator = ","
        }
        if let separators = values[2]?.unlessNone {
            let pair = try separators.elements(run.meter)
            guard pair.count == 2 else { throw .failure("tojson takes two separators") }
            layout.itemSeparator = try pair[0].string("tojson")
            layout.keySeparator = try pair[1].string("tojson")
        }
        layout.sortsKeys = values[3]?.isTrue ?? false
        return .text(try value.json(layout, run.meter))
    }

    private static let format: Filters.Apply = { run, value, arguments throws(Problem) in
        guard arguments.positional.isEmpty || arguments.keywords.isEmpty else {
            throw .failure("format takes either named arguments or others")
        }
        var values = try Value.tuple(of: arguments.positional, run.meter)
        if !arguments.keywords.isEmpty {
            let dictionary = ValueDictionary()
            for (name, value) in arguments.keywords { try dictionary.set(.text(name), value, run.meter) }
            values = .dictionary(dictionary)
        }
        return .text(try run.softText(value).formatted(percent: values, run.meter))
    }

    private static let center: Filters.Apply = { run, value, arguments throws(Problem) in
        let width = try arguments.bound("center", ["width"])[0] ?? .integer(80)
        return try run.call("center", of: run.softText(value), Arguments(positional: [width]))
    }

    private static let truncate: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("truncate", ["length", "killwords", "end", "leeway"])
        let text = try value.string("truncate")
        let length = try values[0]?.integer("truncate") ?? 255
        let end = try values[2]?.string("truncate") ?? "..."
        let leeway = try values[3]?.unlessNone?.integer("truncate") ?? 5
        guard length >= end.count, leeway >= 0 else { throw .failure("truncate needs a length of at least its end's") }
        if text.count <= length || text.count - length <= leeway { return .text(text) }
        var kept = text.with(text.letters[..<(length - end.count)])
        if !(values[1]?.isTrue ?? false) {
            kept = try kept.splitFromEnd(" ", limit: 1, run.meter).first ?? kept
        }
        return .text(try Text.joined(kept, end, run.meter))
    }

    private static let wordCount: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("wordcount", [])
        let text = try run.softText(value)
        try run.meter.step(text.count >> 2)
        var count = 0
        var isInside = false
        for letter in text.letters {
            if letter.isWord, !isInside { count += 1 }
            isInside = letter.isWord
        }
        return .integer(count)
    }
}

extension Interpreter {
    /// A text, or as many spaces as a number says.
    fileprivate func indentation(_ width: Value, _ filter: String) throws(Problem) -> Text {
        if let text = width.text { return text }
        return try Text(" ").repeated(width.integer(filter), meter)
    }
}
