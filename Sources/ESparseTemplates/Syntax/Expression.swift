// The syntax tree of expressions.

/// An expression. Chains of one operator are one node, so that long ones do not nest.
struct Expression: Sendable {
    indirect enum Kind: Sendable {
        case constant(Literal)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        case sign(negative: Bool, Expression)
        case not(Expression)
        /// From left to right.
        case arithmetic(Expression, [(operation: ArithmeticOperator, operand: Expression)])
        /// `a ~ b ~ c`.
        case concatenation([Expression])
        case all([Expression])
        case any([Expression])
        /// `a < b < c`: each pair of neighbours.
        case comparison(Expression, [(operation: ComparisonOperator, operand: Expression)])
        case conditional(test: Expression, then: Expression, otherwise: Expression?)
        case attribute(Expression, Text)
        case item(Expression, Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, ArgumentList)
        case filter(Expression, String, ArgumentList)
        case test(Expression, String, ArgumentList)
        /// What the block around a filter without a value has written.
        case captured
    }

    let kind: Kind
    let line: Int
    /// How deep expressions nest in it.
    let depth: Int
}

/// A value that is written out in a template.
enum Literal: Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case text(Text)

    var value: Value {
        switch self {
        case .none: .none
        case .boolean(let value): .boolean(value)
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        case .text(let text): .text(text)
        }
    }
}

/// The arguments of a call, filter or test.
struct ArgumentList: Sendable {
    var positional: [Expression] = []
    var keywords: [(name: Text, value: Expression)] = []
    /// `*values` and `**values`.
    var list: Expression?
    var dictionary: Expression?

    var expressions: [Expression] { positional + keywords.map(\.value) + [list, dictionary].compactMap(\.self) }
}

/// An operator that compares.
enum ComparisonOperator: Sendable {
    case equal, unequal, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn

    func apply(_ left: Value, _ right: Value, _ meter: Meter) throws(Problem) -> Bool {
        switch self {
        case .equal: return try left.equals(right, meter)
        case .unequal: return try !left.equals(right, meter)
        case .less: return try left.order(right, meter) == .before
        case .lessOrEqual: return [.before, .same].contains(try left.order(right, meter))
        case .greater: return try left.order(right, meter) == .after
        case .greaterOrEqual: return [.after, .same].contains(try left.order(right, meter))
        case .isIn: return try right.contains(left, meter)
        case .isNotIn: return try !right.contains(left, meter)
        }
    }
}
