// The syntax tree of statements.

/// A statement and the line of its tag.
struct Statement: Sendable {
    indirect enum Kind: Sendable {
        case text(Text)
        case output([Expression])
        case set(AssignmentTarget, Expression)
        /// What the body writes, through a filter of `.captured` where there is one.
        case setBlock(AssignmentTarget, Expression?, body: [Statement])
        case condition([(test: Expression, body: [Statement])], otherwise: [Statement])
        case loop(LoopStatement)
        case macro(MacroDefinition)
        case callBlock(MacroDefinition, call: Expression)
        case filterBlock(Expression, body: [Statement])
        case with([(target: AssignmentTarget, value: Expression)], body: [Statement])
        /// transformers' `generation`: a scope of its own.
        case generation([Statement])
        case breakLoop
        case continueLoop
    }

    let kind: Kind
    let line: Int
}

/// What an assignment writes to.
indirect enum AssignmentTarget: Sendable {
    case name(String)
    /// An attribute of a namespace.
    case attribute(String, Text)
    case tuple([AssignmentTarget])

    /// The names that it sets.
    var names: [String] {
        switch self {
        case .name(let name): [name]
        case .attribute: []
        case .tuple(let targets): targets.flatMap(\.names)
        }
    }
}

/// A `for` tag.
final class LoopStatement: Sendable {
    let target: AssignmentTarget
    let sequence: Expression
    /// The filter `if`.
    let test: Expression?
    let isRecursive: Bool
    let body: [Statement]
    let otherwise: [Statement]

    init(
        target: AssignmentTarget, sequence: Expression, test: Expression?, isRecursive: Bool, body: [Statement],
        otherwise: [Statement]
    ) {
        self.target = target
        self.sequence = sequence
        self.test = test
        self.isRecursive = isRecursive
        self.body = body
        self.otherwise = otherwise
    }
}

/// A `macro` tag, or the body of a call block, which has no name.
final class MacroDefinition: Sendable {
    let name: String?
    let parameters: [(name: String, standard: Expression?)]
    let body: [Statement]
    /// Which of `caller`, `kwargs` and `varargs` the body reads.
    let uses: Set<String>

    static let special: Set<String> = ["caller", "kwargs", "varargs"]

    init(name: String?, parameters: [(name: String, standard: Expression?)], body: [Statement], uses: Set<String>) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.uses = uses
    }
}
