// Filters on lists, dictionaries and other sequences.

enum SequenceFilters {
    static let all: [String: Filters.Apply] = [
        "length": length, "count": length, "default": standard, "d": standard, "join": join, "first": first,
        "last": last, "list": list, "items": items, "dictsort": sortedEntries, "sort": sort, "unique": unique,
        "reverse": reverse, "batch": batch, "slice": slice, "attr": attribute, "groupby": group,
    ]

    private static let length: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("length", [])
        guard let length = value.length else { throw .failure("a \(value.typeName) has no length") }
        return .integer(length)
    }

    private static let standard: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("default", ["default_value", "boolean"])
        let isMissing = value.isUndefined || (values[1]?.isTrue ?? false) && !value.isTrue
        return isMissing ? values[0] ?? .text("") : value
    }

    private static let join: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("join", ["d", "attribute"])
        let separator = try (values[0] ?? .text("")).printed(run.meter)
        let path = try AttributePath(values[1], run.meter)
        var writer = LetterWriter(run.meter)
        for (place, element) in try value.elements(run.meter).enumerated() {
            if place > 0 { try writer.append(separator) }
            try writer.append(path.value(of: element, run.meter).printed(run.meter))
        }
        return .text(writer.text)
    }

    private static let first: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("first", [])
        if case .iterator(let iterator) = value { return iterator.next() ?? .undefined(Undefined(.emptySequence)) }
        return try value.elements(run.meter).first ?? .undefined(Undefined(.emptySequence))
    }

    private static let last: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("last", [])
        if case .iterator = value {
            throw .failure("a generator has no last element; the filter 'list' makes a list of it")
        }
        return try value.elements(run.meter).last ?? .undefined(Undefined(.emptySequence))
    }

    private static let list: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("list", [])
        return try .list(of: value.elements(run.meter), run.meter)
    }

    private static let items: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("items", [])
        if value.isUndefined { return .iterator(try ValueIterator([], run.meter)) }
        guard case .dictionary(let dictionary) = value else {
            throw .failure("items takes a dict, and a \(value.typeName) is there")
        }
        return .iterator(try ValueIterator(dictionary.elements(.items, run.meter), run.meter))
    }

    private static let sortedEntries: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("dictsort", ["case_sensitive", "by", "reverse"])
        guard case .dictionary(let dictionary) = value else {
            if case .undefined(let undefined) = value { throw undefined.problem }
            throw .failure("dictsort takes a dict, and a \(value.typeName) is there")
        }
        let part = try values[1]?.string("dictsort") ?? "key"
        guard part == "key" || part == "value" else { throw .failure("dictsort sorts by 'key' or 'value'") }
        let isSensitive = values[0]?.isTrue ?? false
        let pairs = try dictionary.elements(.items, run.meter)
        var keyed: [(key: Value, value: Value)] = []
        for (entry, pair) in zip(dictionary.entries, pairs) {
            keyed.append((try run.ignoringCase(part == "key" ? entry.key : entry.value, unless: isSensitive), pair))
        }
        return try .list(of: Value.sorted(keyed, descending: values[2]?.isTrue ?? false, run.meter), run.meter)
    }

    private static let sort: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("sort", ["reverse", "case_sensitive", "attribute"])
        var paths: [AttributePath] = []
        if let text = values[2]?.text {
            for part in try text.split(",", limit: -1, run.meter) {
                paths.append(try AttributePath(.text(part), run.meter))
            }
        } else {
            paths.append(try AttributePath(values[2], run.meter))
        }
        let isSensitive = values[1]?.isTrue ?? false
        var keyed: [(key: Value, value: Value)] = []
        for element in try value.elements(run.meter) {
            var keys: [Value] = []
            for path in paths {
                keys.append(try run.ignoringCase(path.value(of: element, run.meter), unless: isSensitive))
            }
            keyed.append((try .list(of: keys, run.meter), element))
        }
        return try .list(of: Value.sorted(keyed, descending: values[0]?.isTrue ?? false, run.meter), run.meter)
    }

    private static let unique: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("unique", ["case_sensitive", "attribute"])
        let path = try AttributePath(values[1], run.meter)
        var seen: Set<Key> = []
        var kept: [Value] = []
        for element in try value.elements(run.meter) {
            let key = try run.ignoringCase(path.value(of: element, run.meter), unless: values[0]?.isTrue ?? false)
            try run.meter.allocate(values: 2)
            if seen.insert(try Key(key, run.meter)).inserted { kept.append(element) }
        }
        return .iterator(try ValueIterator(kept, run.meter))
    }

    private static let reverse: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("reverse", [])
        if let text = value.text {
            try run.meter.allocate(letters: text.count)
            return .text(text.with(text.letters.reversed()))
        }
        return .iterator(try ValueIterator(value.elements(run.meter).reversed(), run.meter))
    }

    private static let batch: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("batch", ["linecount", "fill_with"], required: 1)
        let size = try (values[0] ?? .none).integer("batch")
        var rows: [Value] = []
        var row: [Value] = []
        for element in try value.elements(run.meter) {
            if row.count == size {
                rows.append(try .list(of: row, run.meter))
                row = []
            }
            row.append(element)
        }
        if !row.isEmpty {
            if let fill = values[1]?.unlessNone, row.count < size {
                try run.meter.allocate(values: size - row.count)
                row += repeatElement(fill, count: size - row.count)
            }
            rows.append(try .list(of: row, run.meter))
        }
        return .iterator(try ValueIterator(rows, run.meter))
    }

    private static let slice: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("slice", ["slices", "fill_with"], required: 1)
        let count = try (values[0] ?? .none).integer("slice")
        let elements = try value.elements(run.meter)
        guard count != 0 else { throw .failure("slice needs at least one part") }
        try run.meter.allocate(values: max(0, count))
        var parts: [Value] = []
        let longer = elements.count % max(1, count)
        var start = 0
        for place in 0..<max(0, count) {
            let end = start + elements.count / count + (place < longer ? 1 : 0)
            var part = Array(elements[start..<end])
            if let fill = values[1]?.unlessNone, place >= longer { part.append(fill) }
            parts.append(try .list(of: part, run.meter))
            start = end
        }
        return .iterator(try ValueIterator(parts, run.meter))
    }

    private static let attribute: Filters.Apply = { run, value, arguments throws(Problem) in
        let name = try (arguments.bound("attr", ["name"], required: 1)[0] ?? .none).string("attr")
        return try value.ownAttribute(name, run.meter) ?? .undefined(Undefined(.element, name))
    }

    private static let group: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("groupby", ["attribute", "default", "case_sensitive"], required: 1)
        let path = try AttributePath(values[0], standard: values[1], run.meter)
        let isSensitive = values[2]?.isTrue ?? false
        var keyed: [(key: Value, value: Value)] = []
        for element in try value.elements(run.meter) {
            keyed.append((try run.ignoringCase(path.value(of: element, run.meter), unless: isSensitive), element))
        }
        var groups: [Value] = []
        var members: [Value] = []
        var current: Value?
        func close() throws(Problem) {
            guard let first = members.first else { return }
            let name = try path.value(of: first, run.meter)
            groups.append(try .tuple(of: [name, .list(of: members, run.meter)], run.meter))
            members = []
        }
        for element in try Value.sorted(keyed, descending: false, run.meter) {
            let key = try run.ignoringCase(path.value(of: element, run.meter), unless: isSensitive)
            if let current, !(try current.equals(key, run.meter)) { try close() }
            current = key
            members.append(element)
        }
        try close()
        return try .list(of: groups, run.meter)
    }
}
