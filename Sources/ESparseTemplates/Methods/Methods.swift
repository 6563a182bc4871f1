// Calls of methods of lists, dictionaries, numbers and loops; those of texts are in files of their own.

extension Interpreter {
    func call(_ method: BoundMethod, _ arguments: Arguments) throws(Problem) -> Value {
        let name = method.name.string
        switch method.receiver {
        case .text(let text): return try call(name, of: text, arguments)
        case .dictionary(let dictionary): return try call(name, of: dictionary, arguments)
        case .list, .tuple, .range: return try call(name, of: method.receiver, arguments)
        case .loop(let loop): return try call(name, of: loop, arguments)
        case .cycler(let cycler):
            _ = try arguments.bound(name, [])
            if name == "next" { return cycler.next() }
            cycler.reset()
            return .none
        case .float(let value) where name == "is_integer":
            _ = try arguments.bound(name, [])
            return .boolean(value == value.rounded() && value.isFinite)
        default: throw .failure("the method '\(name)' of a \(method.receiver.typeName) is not supported")
        }
    }

    private func call(_ name: String, of dictionary: ValueDictionary, _ arguments: Arguments) throws(Problem) -> Value {
        switch name {
        case "get":
            guard arguments.keywords.isEmpty else { throw .failure("get takes no named arguments") }
            let values = try arguments.bound("get", ["key", "default"], required: 1)
            let key = values[0] ?? .none
            return try dictionary.value(Key(key, meter)) ?? values[1] ?? .none
        case "keys", "values", "items":
            _ = try arguments.bound(name, [])
            return .view(dictionary, name == "keys" ? .keys : name == "values" ? .values : .items)
        case "copy":
            _ = try arguments.bound(name, [])
            return .dictionary(dictionary)
        default: throw .failure("the method '\(name)' of a dict is not supported")
        }
    }

    private func call(_ name: String, of sequence: Value, _ arguments: Arguments) throws(Problem) -> Value {
        switch name {
        case "count":
            let wanted = try arguments.bound("count", ["value"], required: 1)[0] ?? .none
            var found = 0
            for element in try sequence.elements(meter) where try element.equals(wanted, meter) { found += 1 }
            return .integer(found)
        case "index":
            let values = try arguments.bound("index", ["value", "start", "stop"], required: 1)
            let elements = try sequence.elements(meter)
            let bounds = try bounds(values[1], values[2], in: elements.count)
            for place in bounds.start..<max(bounds.start, bounds.end)
            where try elements[place].equals(values[0] ?? .none, meter) { return .integer(place) }
            throw .failure("the value that 'index' looks for is not there")
        case "copy":
            _ = try arguments.bound(name, [])
            return sequence
        default: throw .failure("the method '\(name)' of a \(sequence.typeName) is not supported")
        }
    }

    private func call(_ name: String, of loop: LoopContext, _ arguments: Arguments) throws(Problem) -> Value {
        guard arguments.keywords.isEmpty else { throw .failure("'loop.\(name)' takes no named arguments") }
        if name == "changed" { return .boolean(try loop.changed(arguments.positional, meter)) }
        guard !arguments.positional.isEmpty else { throw .failure("'loop.cycle' needs items to give in turn") }
        return arguments.positional[loop.index0 % arguments.positional.count]
    }

    /// The bounds of a part as Python's methods take them: negative ones count from the end. The start may be after the end,
    /// and then not even an empty text is found.
    func bounds(_ start: Value?, _ end: Value?, in count: Int) throws(Problem) -> (start: Int, end: Int) {
        func place(_ value: Value?, _ otherwise: Int, highest: Int) throws(Problem) -> Int {
            guard let value = value?.unlessNone else { return otherwise }
            let index = try value.integer("a bound")
            return index < 0 ? max(index, -count) + count : min(index, highest)
        }
        return (try place(start, 0, highest: count + 1), try place(end, count, highest: count))
    }
}
