// Operators on values: numbers, texts and lists. Integers have 64 bits; what does not fit is an error.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An operator between two values.
enum ArithmeticOperator: Sendable {
    case add, subtract, multiply, divide, floorDivide, modulo, power

    var symbol: String {
        switch self {
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .floorDivide: "//"
        case .modulo: "%"
        case .power: "**"
        }
    }

    func apply(_ left: Value, _ right: Value, _ meter: Meter) throws(Problem) -> Value {
        if case .undefined(let undefined) = left { throw undefined.problem }
        if self == .modulo, let format = left.text {
            let text = try format.formatted(percent: right, meter)
            return .text(text)
        }
        if case .undefined(let undefined) = right { throw undefined.problem }
        if let left = left.index, let right = right.index { return try integers(left, right) }
        if let left = left.double, let right = right.double { return .float(try floats(left, right)) }
        switch (self, left, right) {
        case (.add, .text(let left), .text(let right)): return .text(try Text.joined(left, right, meter))
        case (.add, .list(let left), .list(let right)): return try .list(of: left.elements + right.elements, meter)
        case (.add, .tuple(let left), .tuple(let right)): return try .tuple(of: left.elements + right.elements, meter)
        case (.multiply, .text(let text), _) where right.index != nil:
            return .text(try text.repeated(right.index ?? 0, meter))
        case (.multiply, _, .text(let text)) where left.index != nil:
            return .text(try text.repeated(left.index ?? 0, meter))
        case (.multiply, .list(let list), _) where right.index != nil:
            return try .list(of: Self.repeated(list.elements, right.index ?? 0, meter), meter)
        case (.multiply, _, .list(let list)) where left.index != nil:
            return try .list(of: Self.repeated(list.elements, left.index ?? 0, meter), meter)
        case (.multiply, .tuple(let list), _) where right.index != nil:
            return try .tuple(of: Self.repeated(list.elements, right.index ?? 0, meter), meter)
        case (.multiply, _, .tuple(let list)) where left.index != nil:
            return try .tuple(of: Self.repeated(list.elements, left.index ?? 0, meter), meter)
        default:
            throw .failure("'\(symbol)' does not go between a \(left.typeName) and a \(right.typeName)")
        }
    }

    private static func repeated(_ elements: [Value], _ count: Int, _ meter: Meter) throws(Problem) -> [Value] {
        let count = elements.isEmpty ? 0 : max(0, count)
        try meter.allocate(values: Meter.product(elements.count, count))
        var result: [Value] = []
        for _ in 0..<count { result += elements }
        return result
    }

    private func integers(_ left: Int, _ right: Int) throws(Problem) -> Value {
        let (value, overflow): (Int, Bool)
        switch self {
        case .add: (value, overflow) = left.addingReportingOverflow(right)
        case .subtract: (value, overflow) = left.subtractingReportingOverflow(right)
        case .multiply: (value, overflow) = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw Self.divisionByZero }
            return .float(Double(left) / Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw Self.divisionByZero }
            if right == -1 {
                (value, overflow) = self == .modulo ? (0, false) : Int(0).subtractingReportingOverflow(left)
            } else {
                let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
                let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
                (value, overflow) =
                    (
                        self == .modulo
                            ? (isBelow ? remainder + right : remainder) : (isBelow ? quotient - 1 : quotient), false
                    )
            }
        case .power:
            guard right >= 0 else { return .float(try floats(Double(left), Double(right))) }
            return .integer(try Self.power(left, right))
        }
        if overflow { throw Self.tooLarge }
        return .integer(value)
    }

    private static func power(_ base: Int, _ exponent: Int) throws(Problem) -> Int {
        if exponent == 0 || base == 1 { return 1 }
        if base == 0 { return 0 }
        if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
        guard exponent < 64 else { throw tooLarge }
        var result = 1
        for _ in 0..<exponent {
            let (value, overflow) = result.multipliedReportingOverflow(by: base)
            if overflow { throw tooLarge }
            result = value
        }
        return result
    }

    private func floats(_ left: Double, _ right: Double) throws(Problem) -> Double {
        switch self {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .divide:
            guard right != 0 else { throw Self.divisionByZero }
            return left / right
        case .floorDivide:
            guard right != 0 else { throw Self.divisionByZero }
            return (left / right).rounded(.down)
        case .modulo:
            guard right != 0 else { throw Self.divisionByZero }
            let remainder = left.truncatingRemainder(dividingBy: right)
            return remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder
        case .power: return try Self.power(left, right)
        }
    }

    /// Whole exponents only: templates need no others.
    private static func power(_ base: Double, _ exponent: Double) throws(Problem) -> Double {
        if exponent == 0.5, base >= 0 { return base.squareRoot() }
        guard let whole = Int(exactly: exponent), whole.magnitude <= 1 << 20 else {
            throw .failure("'**' takes whole exponents only")
        }
        guard base != 0 || whole >= 0 else { throw divisionByZero }
        return pow(base, exponent)
    }

    private static let divisionByZero = Problem.failure("division by zero")
    static let tooLarge = Problem.failure("an integer does not fit 64 bits")
}

extension Value {
    /// The number as a Double, or nil for what is no number.
    var double: Double? {
        if case .float(let value) = self { value } else { index.map { Double($0) } }
    }

    /// Python's unary `-` and `+`.
    func signed(negative: Bool) throws(Problem) -> Value {
        if case .undefined(let undefined) = self { throw undefined.problem }
        if case .float(let value) = self { return .float(negative ? -value : value) }
        guard let value = index else { throw .failure("a \(typeName) has no sign") }
        let (negated, overflow) = Int(0).subtractingReportingOverflow(value)
        if overflow, negative { throw ArithmeticOperator.tooLarge }
        return .integer(negative ? negated : value)
    }
}
