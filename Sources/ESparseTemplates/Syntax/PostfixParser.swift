// Parses what follows a value: attributes, elements, slices, calls, filters and tests.

extension Parser {
    mutating func postfix(of expression: Expression) throws(Problem) -> Expression {
        var result = expression
        while true {
            if isMark(".") || isMark("[") {
                result = try subscripted(result)
            } else if isMark("(") {
                result = try call(of: result)
            } else {
                return result
            }
        }
    }

    mutating func filtersAndTests(of expression: Expression) throws(Problem) -> Expression {
        var result = expression
        while true {
            if isMark("|") {
                result = try filters(of: result)
            } else if isName("is") {
                result = try test(of: result)
            } else if isMark("(") {
                result = try call(of: result)
            } else {
                return result
            }
        }
    }

    private mutating func call(of expression: Expression) throws(Problem) -> Expression {
        let line = line
        let arguments = try arguments()
        return try node(.call(expression, arguments), line: line, [expression] + arguments.expressions)
    }

    private mutating func subscripted(_ expression: Expression) throws(Problem) -> Expression {
        let line = line
        if skip(mark: ".") {
            switch current.kind {
            case .name(let name):
                advance()
                return try node(.attribute(expression, Text(name)), line: line, [expression])
            case .integer(let value):
                advance()
                let index = try node(.constant(.integer(value)), line: line, [])
                return try node(.item(expression, index), line: line, [expression])
            default: throw .syntax("a name or number is expected, and \(current.description) is there")
            }
        }
        try expect(mark: "[")
        var indices: [Expression] = []
        while !isMark("]") {
            if !indices.isEmpty { try expect(mark: ",") }
            let start = isMark(":") ? nil : try self.expression()
            if isMark(":") {
                guard indices.isEmpty else { throw .syntax("a slice beside other indices is not supported") }
                return try slice(of: expression, start, line)
            }
            if let start { indices.append(start) }
        }
        try expect(mark: "]")
        let index = indices.count == 1 ? indices[0] : try node(.tuple(indices), line: line, indices)
        return try node(.item(expression, index), line: line, [expression, index])
    }

    private mutating func slice(of expression: Expression, _ start: Expression?, _ line: Int) throws(Problem)
        -> Expression
    {
        try expect(mark: ":")
        let stop = isMark(":") || isMark("]") ? nil : try self.expression()
        let step = skip(mark: ":") && !isMark("]") ? try self.expression() : nil
        try expect(mark: "]")
        return try node(
            .slice(expression, start: start, stop: stop, step: step), line: line,
            [expression] + [start, stop, step].compactMap(\.self))
    }

    mutating func arguments() throws(Problem) -> ArgumentList {
        try expect(mark: "(")
        var list = ArgumentList()
        var needsComma = false
        while !isMark(")") {
            if needsComma {
                try expect(mark: ",")
                if isMark(")") { break }
            }
            let isOrdered: Bool
            if skip(mark: "*") {
                isOrdered = list.list == nil && list.dictionary == nil
                list.list = try expression()
            } else if skip(mark: "**") {
                isOrdered = list.dictionary == nil
                list.dictionary = try expression()
            } else if case .name(let name) = current.kind, following.kind == .mark("=") {
                advance()
                advance()
                isOrdered = list.dictionary == nil && !list.keywords.contains { $0.name.says(name) }
                list.keywords.append((Text(name), try expression()))
            } else {
                isOrdered = list.list == nil && list.dictionary == nil && list.keywords.isEmpty
                list.positional.append(try expression())
            }
            guard isOrdered else { throw .syntax("the arguments of a call are out of order or repeated") }
            needsComma = true
        }
        try expect(mark: ")")
        return list
    }

    /// Filters in a row; `first` where the first one stands without '|'.
    mutating func filters(of expression: Expression, first: Bool = false) throws(Problem) -> Expression {
        var result = expression
        var isFirst = first
        while isMark("|") || isFirst {
            if !isFirst { advance() }
            isFirst = false
            let line = line
            let name = try dottedName()
            if !isConditional, Filters.all[name] == nil { unknownNames.append((Filters.unknown(name), line)) }
            let arguments = isMark("(") ? try arguments() : ArgumentList()
            result = try node(.filter(result, name, arguments), line: line, [result] + arguments.expressions)
        }
        return result
    }

    private mutating func dottedName() throws(Problem) -> String {
        var name = try expectName()
        while skip(mark: ".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(of expression: Expression) throws(Problem) -> Expression {
        let line = line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        if !isConditional, TemplateTests.all[name] == nil { unknownNames.append((TemplateTests.unknown(name), line)) }
        var arguments = ArgumentList()
        if isMark("(") {
            arguments = try self.arguments()
        } else if startsArgument {
            guard !isName("is") else { throw .syntax("tests cannot be chained by 'is'") }
            try enter()
            arguments.positional = [try postfix(of: primary())]
            leave()
        }
        let result = try node(.test(expression, name, arguments), line: line, [expression] + arguments.expressions)
        return isNegated ? try node(.not(result), line: line, [result]) : result
    }

    /// Whether the current token begins a test's argument without parentheses.
    private var startsArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .mark("["), .mark("{"): true
        default: false
        }
    }
}
