// The arguments of a call, and how they meet parameters.

/// Values for a call.
struct Arguments {
    var positional: [Value] = []
    /// A name from a `**` dictionary keeps the marks of its letters, because templates can print it.
    var keywords: [(name: Text, value: Value)] = []

    func keyword(_ name: Text) -> Value? { keywords.first { $0.name == name }?.value }

    /// The values of parameters, nil where one was not given.
    ///
    /// - Parameters:
    ///   - function: its name, for messages.
    ///   - parameters: names in the order of positional arguments.
    ///   - required: how many of them must be there.
    func bound(_ function: String, _ parameters: [String], required: Int = 0) throws(Problem) -> [Value?] {
        guard positional.count <= parameters.count else {
            throw .failure("\(function) takes at most \(parameters.count) arguments, and \(positional.count) are there")
        }
        var values: [Value?] = positional + [Value?](repeating: nil, count: parameters.count - positional.count)
        for (name, value) in keywords {
            guard let place = parameters.firstIndex(where: { name.says($0) }) else {
                throw .failure("\(function) has no parameter '\(name.excerpt(40))'")
            }
            guard values[place] == nil else { throw .failure("\(function) gets '\(parameters[place])' twice") }
            values[place] = value
        }
        for place in 0..<required where values[place] == nil {
            throw .failure("\(function) needs the argument '\(parameters[place])'")
        }
        return values
    }

    /// Without its first `count` positional arguments.
    func dropping(_ count: Int) -> Arguments {
        Arguments(positional: Array(positional.dropFirst(count)), keywords: keywords)
    }
}

extension Value {
    /// An argument that must be a string.
    func string(_ function: String) throws(Problem) -> Text {
        if case .undefined(let undefined) = self { throw undefined.problem }
        guard let text else { throw .failure("\(function) takes a str, and a \(typeName) is there") }
        return text
    }

    /// An argument that must be an integer.
    func integer(_ function: String) throws(Problem) -> Int {
        if case .undefined(let undefined) = self { throw undefined.problem }
        guard let index else { throw .failure("\(function) takes an int, and a \(typeName) is there") }
        return index
    }

    /// Nil for None, too.
    var unlessNone: Value? {
        if case .none = self { nil } else { self }
    }
}
