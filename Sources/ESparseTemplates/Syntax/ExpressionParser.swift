// Parses expressions: operators by precedence.

extension Parser {
    /// An expression, or a tuple without parentheses.
    ///
    /// - Parameters:
    ///   - withConditional: whether an inline `if` may be part of it.
    ///   - isParenthesised: whether it may be empty.
    ///   - end: a name that ends it.
    mutating func tuple(
        withConditional: Bool = true, isParenthesised: Bool = false, end: String? = nil
    ) throws(Problem) -> Expression {
        let line = line
        var elements: [Expression] = []
        var isTuple = false
        while true {
            if !elements.isEmpty { try expect(mark: ",") }
            if isTupleEnd(end) { break }
            elements.append(withConditional ? try expression() : try alternatives())
            guard isMark(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let element = elements.first { return element }
            guard isParenthesised else {
                throw .syntax("an expression is expected, and \(current.description) is there")
            }
        }
        return try node(.tuple(elements), line: line, elements)
    }

    private func isTupleEnd(_ end: String?) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .mark(")"): true
        case .name(let name): name == end
        default: false
        }
    }

    /// An expression, an inline `if` included.
    mutating func expression() throws(Problem) -> Expression {
        try enter()
        defer { leave() }
        let known = unknownNames.count
        var result = try alternatives()
        while isName("if") {
            let line = line
            advance()
            let test = try alternatives()
            let otherwise = skip(name: "else") ? try expression() : nil
            result = try node(
                .conditional(test: test, then: result, otherwise: otherwise), line: line,
                [test, result] + [otherwise].compactMap(\.self))
            // What is unknown in it is looked up when it runs, as in jinja.
            unknownNames.removeSubrange(known...)
        }
        return result
    }

    /// `a or b`.
    private mutating func alternatives() throws(Problem) -> Expression {
        let line = line
        var operands = [try conjunction()]
        while skip(name: "or") { operands.append(try conjunction()) }
        return operands.count == 1 ? operands[0] : try node(.any(operands), line: line, operands)
    }

    private mutating func conjunction() throws(Problem) -> Expression {
        let line = line
        var operands = [try negation()]
        while skip(name: "and") { operands.append(try negation()) }
        return operands.count == 1 ? operands[0] : try node(.all(operands), line: line, operands)
    }

    private mutating func negation() throws(Problem) -> Expression {
        let line = line
        guard skip(name: "not") else { return try comparison() }
        try enter()
        defer { leave() }
        let operand = try negation()
        return try node(.not(operand), line: line, [operand])
    }

    private static let comparisons: [String: ComparisonOperator] = [
        "==": .equal, "!=": .unequal, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
    ]

    private mutating func comparison() throws(Problem) -> Expression {
        let line = line
        let first = try sum()
        var rest: [(operation: ComparisonOperator, operand: Expression)] = []
        while true {
            if case .mark(let mark) = current.kind, let operation = Self.comparisons[mark] {
                advance()
                rest.append((operation, try sum()))
            } else if skip(name: "in") {
                rest.append((.isIn, try sum()))
            } else if isName("not"), following.kind == .name("in") {
                advance()
                advance()
                rest.append((.isNotIn, try sum()))
            } else {
                break
            }
        }
        return rest.isEmpty ? first : try node(.comparison(first, rest), line: line, [first] + rest.map(\.operand))
    }

    private mutating func sum() throws(Problem) -> Expression {
        try chain(["+": .add, "-": .subtract]) { parser throws(Problem) in try parser.concatenation() }
    }

    private mutating func concatenation() throws(Problem) -> Expression {
        let line = line
        var operands = [try product()]
        while skip(mark: "~") { operands.append(try product()) }
        return operands.count == 1 ? operands[0] : try node(.concatenation(operands), line: line, operands)
    }

    private mutating func product() throws(Problem) -> Expression {
        try chain(["*": .multiply, "/": .divide, "//": .floorDivide, "%": .modulo]) { parser throws(Problem) in
            try parser.chain(["**": .power]) { parser throws(Problem) in try parser.unary() }
        }
    }

    private mutating func chain(
        _ operators: [String: ArithmeticOperator], _ operand: (inout Parser) throws(Problem) -> Expression
    ) throws(Problem) -> Expression {
        let line = line
        let first = try operand(&self)
        var rest: [(operation: ArithmeticOperator, operand: Expression)] = []
        while case .mark(let mark) = current.kind, let operation = operators[mark] {
            advance()
            rest.append((operation, try operand(&self)))
        }
        return rest.isEmpty ? first : try node(.arithmetic(first, rest), line: line, [first] + rest.map(\.operand))
    }

    private mutating func unary(withFilters: Bool = true) throws(Problem) -> Expression {
        let line = line
        var result: Expression
        if isMark("-") || isMark("+") {
            let negative = isMark("-")
            advance()
            try enter()
            defer { leave() }
            let operand = try unary(withFilters: false)
            result = try node(.sign(negative: negative, operand), line: line, [operand])
        } else {
            result = try primary()
        }
        result = try postfix(of: result)
        return withFilters ? try filtersAndTests(of: result) : result
    }

    mutating func primary() throws(Problem) -> Expression {
        let line = line
        let token = current
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try node(.constant(.boolean(true)), line: line, [])
            case "false", "False": return try node(.constant(.boolean(false)), line: line, [])
            case "none", "None": return try node(.constant(.none), line: line, [])
            default:
                noteUse(of: name)
                return try node(.name(name), line: line, [])
            }
        case .string(var text):
            advance()
            var letters = text.letters
            while case .string(let more) = current.kind {
                letters += more.letters
                advance()
            }
            text = Text(letters)
            return try node(.constant(.text(text)), line: line, [])
        case .integer(let value):
            advance()
            return try node(.constant(.integer(value)), line: line, [])
        case .float(let value):
            advance()
            return try node(.constant(.float(value)), line: line, [])
        case .mark("("):
            advance()
            let inner = try tuple(isParenthesised: true)
            try expect(mark: ")")
            return inner
        case .mark("["): return try list()
        case .mark("{"): return try dictionary()
        default: throw .syntax("an expression is expected, and \(token.description) is there")
        }
    }

    private mutating func list() throws(Problem) -> Expression {
        let line = line
        try expect(mark: "[")
        var elements: [Expression] = []
        while !isMark("]") {
            if !elements.isEmpty { try expect(mark: ",") }
            if isMark("]") { break }
            elements.append(try expression())
        }
        try expect(mark: "]")
        return try node(.list(elements), line: line, elements)
    }

    private mutating func dictionary() throws(Problem) -> Expression {
        let line = line
        try expect(mark: "{")
        var entries: [(key: Expression, value: Expression)] = []
        while !isMark("}") {
            if !entries.isEmpty { try expect(mark: ",") }
            if isMark("}") { break }
            let key = try expression()
            try expect(mark: ":")
            entries.append((key, try expression()))
        }
        try expect(mark: "}")
        return try node(.dictionary(entries), line: line, entries.flatMap { [$0.key, $0.value] })
    }
}
