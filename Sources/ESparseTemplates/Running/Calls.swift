// Calls of macros, methods, loops and global functions.

extension Interpreter {
    /// Evaluates a call; `caller` is the body of the call block around it.
    func evaluate(call expression: Expression, caller: Value?, in scope: Scope) throws(Problem) -> Value {
        guard case .call(let function, let list) = expression.kind else { return .none }
        let callee = try evaluate(function, in: scope)
        var arguments = try evaluate(list, in: scope)
        if let caller { arguments.keywords.append((name: "caller", value: caller)) }
        line = expression.line
        return try call(callee, arguments)
    }

    func evaluate(_ list: ArgumentList, in scope: Scope) throws(Problem) -> Arguments {
        var arguments = Arguments()
        for expression in list.positional { arguments.positional.append(try evaluate(expression, in: scope)) }
        for (name, expression) in list.keywords {
            arguments.keywords.append((name, try evaluate(expression, in: scope)))
        }
        if let more = list.list { arguments.positional += try evaluate(more, in: scope).elements(meter) }
        guard let more = list.dictionary else { return arguments }
        guard case .dictionary(let dictionary) = try evaluate(more, in: scope) else {
            throw .failure("'**' in a call needs a dict")
        }
        var names = Set(arguments.keywords.map(\.name))
        for (key, value) in dictionary.entries {
            guard let name = key.text, names.insert(name).inserted else {
                throw .failure("'**' in a call needs keys that are str and not given yet")
            }
            arguments.keywords.append((name, value))
        }
        return arguments
    }

    func call(_ callee: Value, _ arguments: Arguments) throws(Problem) -> Value {
        try meter.step()
        switch callee {
        case .macro(let macro): return .text(try call(macro, arguments))
        case .method(let method): return try call(method, arguments)
        case .function(let function): return try call(function, arguments)
        case .joiner(let joiner):
            _ = try arguments.bound("joiner", [])
            return joiner.next()
        case .loop(let loop):
            guard let (statement, scope) = loop.recursion else {
                throw .failure("a loop that is called must have the mark 'recursive'")
            }
            let values = try arguments.bound("loop", ["iterable"], required: 1)
            let sequence = values[0] ?? .none
            let text = try capture { () throws(Problem) in
                try meter.enter()
                defer { meter.leave() }
                try run(statement, over: sequence, depth: loop.depth0 + 1, in: scope)
            }
            return .text(text)
        case .undefined(let undefined): throw undefined.problem
        default: throw .failure("a \(callee.typeName) cannot be called")
        }
    }

    private func call(_ macro: Macro, _ arguments: Arguments) throws(Problem) -> Text {
        let definition = macro.definition
        let name = definition.name.map { "the macro '\($0)'" } ?? "the body of a call block"
        let scope = Scope(parent: macro.scope)
        try meter.allocate(values: 4 + definition.parameters.count)
        var keywords = arguments.keywords
        for (place, parameter) in definition.parameters.enumerated() {
            if place < arguments.positional.count {
                scope[parameter.name] = arguments.positional[place]
            } else if let given = keywords.firstIndex(where: { $0.name.says(parameter.name) }) {
                scope[parameter.name] = keywords.remove(at: given).value
            } else if let standard = parameter.standard {
                scope[parameter.name] = try evaluate(standard, in: scope)
            } else {
                scope[parameter.name] = .undefined(Undefined(.parameter, Text(parameter.name)))
            }
        }
        let isDeclared = definition.parameters.contains { $0.name == "caller" }
        if definition.uses.contains("caller"), !isDeclared {
            let caller = keywords.firstIndex { $0.name == "caller" }.map { keywords.remove(at: $0).value }
            scope["caller"] = caller?.unlessNone ?? .undefined(Undefined(.noCaller))
        }
        if definition.uses.contains("kwargs") {
            let dictionary = ValueDictionary()
            for (name, value) in keywords { try dictionary.set(.text(name), value, meter) }
            scope["kwargs"] = .dictionary(dictionary)
        } else if let extra = keywords.first {
            throw .failure("\(name) has no parameter '\(extra.name.excerpt(80))'")
        }
        let rest = arguments.positional.dropFirst(definition.parameters.count)
        if definition.uses.contains("varargs") {
            scope["varargs"] = try .tuple(of: Array(rest), meter)
        } else if !rest.isEmpty {
            throw .failure("\(name) takes at most \(definition.parameters.count) arguments")
        }
        return try capture { () throws(Problem) in try run(definition.body, in: scope) }
    }

    private func call(_ function: GlobalFunction, _ arguments: Arguments) throws(Problem) -> Value {
        switch function {
        case .range:
            let bounds = try arguments.bound("range", ["start", "stop", "step"], required: 1)
            guard arguments.keywords.isEmpty else { throw .failure("range takes no named arguments") }
            var numbers: [Int] = []
            for case let bound? in bounds { numbers.append(try bound.integer("range")) }
            let start = numbers.count > 1 ? numbers[0] : 0
            return .range(
                try ValueRange(
                    start: start, stop: numbers.count > 1 ? numbers[1] : numbers[0],
                    step: numbers.count > 2 ? numbers[2] : 1))
        case .dict: return .dictionary(try dictionary(of: arguments))
        case .namespace:
            let namespace = Namespace()
            try own(namespace)
            for (key, value) in try dictionary(of: arguments).entries { try namespace.set(key, value, meter) }
            return .namespace(namespace)
        case .cycler:
            guard !arguments.positional.isEmpty, arguments.keywords.isEmpty else {
                throw .failure("cycler needs items to give in turn")
            }
            try meter.allocate(values: arguments.positional.count)
            return .cycler(try Cycler(arguments.positional))
        case .joiner:
            return .joiner(try Joiner(arguments.bound("joiner", ["sep"])[0] ?? .text(", ")))
        case .lipsum: throw .failure("the function 'lipsum' is not supported")
        case .raiseException:
            let message = try arguments.bound("raise_exception", ["message"], required: 1)[0] ?? .none
            throw .raised(try message.printed(meter))
        case .strftimeNow:
            let format = try arguments.bound("strftime_now", ["format"], required: 1)[0] ?? .none
            return .text(try clock.text(format: format.string("strftime_now"), meter))
        }
    }

    /// What Python's `dict(...)` makes.
    private func dictionary(of arguments: Arguments) throws(Problem) -> ValueDictionary {
        let dictionary = ValueDictionary()
        guard arguments.positional.count <= 1 else { throw .failure("dict takes at most one argument") }
        if let source = arguments.positional.first {
            if case .undefined(let undefined) = source { throw undefined.problem }
            if case .dictionary(let known) = source {
                for (key, value) in known.entries { try dictionary.set(key, value, meter) }
            } else {
                for pair in try source.elements(meter) {
                    let elements = try pair.elements(meter)
                    guard elements.count == 2 else { throw .failure("dict takes pairs of a key and a value") }
                    try dictionary.set(elements[0], elements[1], meter)
                }
            }
        }
        for (name, value) in arguments.keywords { try dictionary.set(.text(name), value, meter) }
        return dictionary
    }
}
