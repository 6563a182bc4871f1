// Reads tokens: what statements and expressions share.

/// Parses a template into statements.
struct Parser {
    let tokens: [Token]
    var position = 0
    /// How deep what is being read is nested.
    private var depth = 0
    /// Special names of macros that were read since the innermost macro began.
    var usedNames: Set<String> = []
    /// Loops that are open in the innermost macro.
    var openLoops = 0
    /// Loops that are open at all, for which `loop` may not be assigned to.
    var allOpenLoops = 0
    /// Whether an unknown filter or test is an error only when it runs: directly inside `if`.
    var isConditional = false
    /// Filters and tests that there are not, outside of `if`, and their lines.
    var unknownNames: [(problem: Problem, line: Int)] = []

    init(_ tokens: [Token]) { self.tokens = tokens }

    var current: Token { tokens[position] }

    var line: Int { current.line }

    /// The token after the current one.
    var following: Token { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { if position + 1 < tokens.count { position += 1 } }

    /// Steps over a token of this kind, if it is the current one.
    mutating func skip(_ kind: Token.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func skip(mark: String) -> Bool { skip(.mark(mark)) }

    mutating func skip(name: String) -> Bool { skip(.name(name)) }

    mutating func expect(_ kind: Token.Kind) throws(Problem) {
        guard skip(kind) else {
            throw .syntax("\(Token(kind: kind, line: 0).description) is expected, and \(current.description) is there")
        }
    }

    mutating func expect(mark: String) throws(Problem) { try expect(.mark(mark)) }

    mutating func expectName() throws(Problem) -> String {
        guard case .name(let name) = current.kind else {
            throw .syntax("a name is expected, and \(current.description) is there")
        }
        advance()
        return name
    }

    func isMark(_ mark: String) -> Bool { current.kind == .mark(mark) }

    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    /// Goes one level deeper; `leave` comes back.
    mutating func enter() throws(Problem) {
        depth += 1
        guard depth <= TemplateLimits.syntaxDepth else { throw Self.tooDeep }
    }

    mutating func leave() { depth -= 1 }

    private static let tooDeep = Problem.limit(
        "statements and expressions nest more than \(TemplateLimits.syntaxDepth) deep")

    /// A node one level deeper than its deepest part.
    func node(_ kind: Expression.Kind, line: Int, _ parts: [Expression]) throws(Problem) -> Expression {
        let depth = 1 + (parts.lazy.map(\.depth).max() ?? 0)
        guard depth <= TemplateLimits.syntaxDepth else { throw Self.tooDeep }
        return Expression(kind: kind, line: line, depth: depth)
    }

    // MARK: Targets

    /// The target of an assignment.
    ///
    /// - Parameters:
    ///   - allowsAttributes: whether `namespace.attribute` is one.
    ///   - end: a name that ends the target.
    mutating func target(allowsAttributes: Bool, end: String? = nil) throws(Problem) -> AssignmentTarget {
        var targets: [AssignmentTarget] = []
        var isTuple = false
        repeat {
            if case .blockEnd = current.kind { break }
            if isMark(")") || isMark("=") || end.map({ isName($0) }) ?? false { break }
            targets.append(try singleTarget(allowsAttributes: allowsAttributes))
            isTuple = isTuple || isMark(",")
        } while skip(mark: ",")
        guard let first = targets.first else {
            throw .syntax("a name is expected, and \(current.description) is there")
        }
        return isTuple ? .tuple(targets) : first
    }

    private mutating func singleTarget(allowsAttributes: Bool) throws(Problem) -> AssignmentTarget {
        if skip(mark: "(") {
            try enter()
            let inner = try target(allowsAttributes: allowsAttributes)
            leave()
            try expect(mark: ")")
            return inner
        }
        let name = try expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw .syntax("'\(name)' cannot be assigned to")
        }
        if name == "loop", allOpenLoops > 0 { throw .syntax("'loop' cannot be assigned to inside a loop") }
        guard allowsAttributes, skip(mark: ".") else { return .name(name) }
        noteUse(of: name)
        return .attribute(name, Text(try expectName()))
    }

    mutating func noteUse(of name: String) { if MacroDefinition.special.contains(name) { usedNames.insert(name) } }
}
