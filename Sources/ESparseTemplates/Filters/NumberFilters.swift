// Filters on numbers.

enum NumberFilters {
    static let all: [String: Filters.Apply] = [
        "int": integer, "float": float, "abs": magnitude, "round": round, "sum": sum, "min": extreme("min"),
        "max": extreme("max"),
    ]

    private static let integer: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("int", ["default", "base"])
        let otherwise = values[0] ?? .integer(0)
        if let whole = value.index { return .integer(whole) }
        switch value {
        case .undefined(let undefined): throw undefined.problem
        case .float(let number):
            if number.isNaN { return otherwise }
            return try Value.truncated(number)
        case .text(let text):
            if let whole = try text.integer(base: values[1]?.integer("int") ?? 10) { return .integer(whole) }
            guard let number = text.double, number.isFinite else { return otherwise }
            return try Value.truncated(number)
        default: return otherwise
        }
    }

    private static let float: Filters.Apply = { run, value, arguments throws(Problem) in
        let otherwise = try arguments.bound("float", ["default"])[0] ?? .float(0)
        if case .undefined(let undefined) = value { throw undefined.problem }
        return (value.double ?? value.text?.double).map { .float($0) } ?? otherwise
    }

    private static let magnitude: Filters.Apply = { run, value, arguments throws(Problem) in
        _ = try arguments.bound("abs", [])
        if case .undefined(let undefined) = value { throw undefined.problem }
        if case .float(let number) = value { return .float(number.magnitude) }
        guard let whole = value.index else { throw .failure("a \(value.typeName) has no magnitude") }
        return whole < 0 ? try Value.integer(whole).signed(negative: true) : .integer(whole)
    }

    private static let round: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("round", ["precision", "method"])
        let places = try values[0]?.integer("round") ?? 0
        let method = try values[1]?.string("round") ?? "common"
        if case .undefined(let undefined) = value { throw undefined.problem }
        guard ["common", "ceil", "floor"].contains(method) else {
            throw .failure("round rounds by 'common', 'ceil' or 'floor'")
        }
        if method == "common", let whole = value.index, places >= 0 { return .integer(whole) }
        guard let number = value.double else { throw .failure("a \(value.typeName) cannot be rounded") }
        guard places >= 0, places <= 300 else { throw .failure("round takes 0 to 300 places") }
        guard number.isFinite else { throw .failure("an infinite number cannot be rounded") }
        try run.meter.step(FloatText.cost)
        if method == "common" { return .float(Double(FloatText.fixed(number, decimals: places)) ?? number) }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = number * scale
        guard scaled.isFinite else { throw .failure("the number is too large to be rounded") }
        return .float(scaled.rounded(method == "ceil" ? .up : .down) / scale)
    }

    private static let sum: Filters.Apply = { run, value, arguments throws(Problem) in
        let values = try arguments.bound("sum", ["attribute", "start"])
        let path = try AttributePath(values[0], run.meter)
        var total = values[1] ?? .integer(0)
        guard total.text == nil else { throw .failure("sum does not add str; the filter 'join' does") }
        for element in try value.elements(run.meter) {
            total = try ArithmeticOperator.add.apply(total, path.value(of: element, run.meter), run.meter)
        }
        return total
    }

    private static func extreme(_ name: String) -> Filters.Apply {
        { run, value, arguments throws(Problem) in
            let values = try arguments.bound(name, ["case_sensitive", "attribute"])
            let path = try AttributePath(values[1], run.meter)
            let isSensitive = values[0]?.isTrue ?? false
            var best: (key: Value, value: Value)?
            for element in try value.elements(run.meter) {
                let key = try run.ignoringCase(path.value(of: element, run.meter), unless: isSensitive)
                guard let known = best else {
                    best = (key, element)
                    continue
                }
                if try key.order(known.key, run.meter) == (name == "min" ? .before : .after) { best = (key, element) }
            }
            return best?.value ?? .undefined(Undefined(.emptySequence))
        }
    }
}
