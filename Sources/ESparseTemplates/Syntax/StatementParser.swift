// Parses tags and the text between them.

extension Parser {
    /// The whole template.
    mutating func template() throws(Problem) -> [Statement] {
        let statements = try body(until: [])
        guard case .end = current.kind else { throw .syntax("\(current.description) is not expected") }
        return statements
    }

    /// Statements up to a tag whose name is in `ends`, whose name is then the current token; or up to the template's end.
    private mutating func body(until ends: Set<String>) throws(Problem) -> [Statement] {
        try enter()
        defer { leave() }
        var statements: [Statement] = []
        while true {
            let line = line
            switch current.kind {
            case .end: return statements
            case .data(let text):
                advance()
                statements.append(Statement(kind: .text(text), line: line))
            case .variableBegin:
                advance()
                let expression = try tuple()
                try expect(.variableEnd)
                statements.append(Statement(kind: .output([expression]), line: line))
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, ends.contains(name) { return statements }
                statements.append(try statement(line))
                try expect(.blockEnd)
            default: throw .syntax("\(current.description) is not expected")
            }
        }
    }

    /// The body of a tag up to the name of its end tag, which is then the current token.
    ///
    /// - Parameters:
    ///   - isConditional: whether what is unknown in it is an error only when it runs.
    ///   - ends: the names of its end tag.
    private mutating func block(isConditional: Bool, until ends: String...) throws(Problem) -> [Statement] {
        let outer = self.isConditional
        self.isConditional = isConditional
        defer { self.isConditional = outer }
        _ = skip(mark: ":")
        try expect(.blockEnd)
        let statements = try body(until: Set(ends))
        guard case .name(let end) = current.kind, ends.contains(end) else {
            throw .syntax("'\(ends.joined(separator: "' or '"))' is missing")
        }
        return statements
    }

    private mutating func statement(_ line: Int) throws(Problem) -> Statement {
        let name = try expectName()
        let kind: Statement.Kind
        switch name {
        case "if": kind = try condition()
        case "for": kind = .loop(try loop())
        case "set": kind = try assignment()
        case "macro": kind = .macro(try macro())
        case "call": kind = try callBlock()
        case "filter":
            let filter = try filters(of: node(.captured, line: line, []), first: true)
            kind = .filterBlock(filter, body: try block(isConditional: false, until: "endfilter"))
            advance()
        case "with": kind = try with()
        case "print":
            var expressions = [try expression()]
            while skip(mark: ",") { expressions.append(try expression()) }
            kind = .output(expressions)
        case "generation":
            kind = .generation(
                try function { parser throws(Problem) in
                    try parser.block(isConditional: false, until: "endgeneration")
                }.result)
            advance()
        case "break", "continue":
            guard openLoops > 0 else { throw .syntax("'\(name)' stands outside a loop") }
            kind = name == "break" ? .breakLoop : .continueLoop
        case "block", "extends", "include", "import", "from", "autoescape":
            throw .syntax("the tag '\(name)' is not supported")
        default: throw .syntax("the tag '\(Text(name).excerpt(40))' is not known, or not expected here")
        }
        return Statement(kind: kind, line: line)
    }

    private mutating func condition() throws(Problem) -> Statement.Kind {
        var branches: [(test: Expression, body: [Statement])] = []
        while true {
            let outer = isConditional
            isConditional = true
            let test = try tuple(withConditional: false)
            isConditional = outer
            branches.append((test, try block(isConditional: true, until: "elif", "else", "endif")))
            if skip(name: "elif") { continue }
            guard skip(name: "else") else {
                advance()
                return .condition(branches, otherwise: [])
            }
            let otherwise = try block(isConditional: true, until: "endif")
            advance()
            return .condition(branches, otherwise: otherwise)
        }
    }

    private mutating func loop() throws(Problem) -> LoopStatement {
        openLoops += 1
        allOpenLoops += 1
        defer {
            openLoops -= 1
            allOpenLoops -= 1
        }
        let target = try target(allowsAttributes: false, end: "in")
        try expect(.name("in"))
        let sequence = try tuple(withConditional: false, end: "recursive")
        let outer = isConditional
        isConditional = false
        let test = skip(name: "if") ? try expression() : nil
        isConditional = outer
        let isRecursive = skip(name: "recursive")
        let body = try block(isConditional: false, until: "endfor", "else")
        var otherwise: [Statement] = []
        // There 'break' and 'continue' are those of the loop around.
        openLoops -= 1
        defer { openLoops += 1 }
        if skip(name: "else") { otherwise = try block(isConditional: false, until: "endfor") }
        advance()
        return LoopStatement(
            target: target, sequence: sequence, test: test, isRecursive: isRecursive, body: body, otherwise: otherwise)
    }

    private mutating func assignment() throws(Problem) -> Statement.Kind {
        let line = line
        let target = try target(allowsAttributes: true)
        if skip(mark: "=") { return .set(target, try tuple()) }
        var filter: Expression?
        if isMark("|") { filter = try filters(of: node(.captured, line: line, [])) }
        let body = try block(isConditional: false, until: "endset")
        advance()
        return .setBlock(target, filter, body: body)
    }

    private mutating func with() throws(Problem) -> Statement.Kind {
        var values: [(target: AssignmentTarget, value: Expression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(mark: ",") }
            let target = try target(allowsAttributes: false)
            try expect(mark: "=")
            values.append((target, try expression()))
        }
        let body = try block(isConditional: false, until: "endwith")
        advance()
        return .with(values, body: body)
    }

    // MARK: Macros

    private mutating func macro() throws(Problem) -> MacroDefinition {
        let name = try expectName()
        let parameters = try signature()
        return try definition(name, parameters, end: "endmacro")
    }

    private mutating func callBlock() throws(Problem) -> Statement.Kind {
        let parameters = isMark("(") ? try signature() : []
        let call = try expression()
        guard case .call = call.kind else { throw .syntax("a call block needs a call") }
        return .callBlock(try definition(nil, parameters, end: "endcall"), call: call)
    }

    private mutating func definition(
        _ name: String?, _ parameters: [(name: String, standard: Expression?)], end: String
    ) throws(Problem) -> MacroDefinition {
        let (body, uses) = try function { parser throws(Problem) in try parser.block(isConditional: false, until: end) }
        advance()
        let declared = parameters.map(\.name)
        if let caller = parameters.first(where: { $0.name == "caller" }), uses.contains("caller"),
            caller.standard == nil
        {
            throw .syntax("the parameter 'caller' needs a default")
        }
        return MacroDefinition(
            name: name, parameters: parameters, body: body, uses: uses.subtracting(declared.filter { $0 != "caller" }))
    }

    /// Reads what is a function of its own in jinja, with the special names that it reads.
    private mutating func function<Result>(
        _ read: (inout Parser) throws(Problem) -> Result
    ) throws(Problem) -> (result: Result, uses: Set<String>) {
        let (outerNames, outerLoops) = (usedNames, openLoops)
        usedNames = []
        openLoops = 0
        let result = try read(&self)
        let uses = usedNames
        usedNames.formUnion(outerNames)
        openLoops = outerLoops
        return (result, uses)
    }

    private mutating func signature() throws(Problem) -> [(name: String, standard: Expression?)] {
        try expect(mark: "(")
        var parameters: [(name: String, standard: Expression?)] = []
        while !isMark(")") {
            if !parameters.isEmpty { try expect(mark: ",") }
            let name = try expectName()
            let standard = skip(mark: "=") ? try expression() : nil
            if standard == nil, parameters.last?.standard != nil {
                throw .syntax("the parameter '\(Text(name).excerpt(40))' without a default follows one with a default")
            }
            parameters.append((name, standard))
        }
        try expect(mark: ")")
        return parameters
    }
}
