// Evaluates expressions.

extension Interpreter {
    func evaluate(_ expression: Expression, in scope: Scope) throws(Problem) -> Value {
        switch expression.kind {
        case .constant(let literal): return literal.value
        case .name(let name): return try variable(name, in: scope)
        default: break
        }
        try meter.enter()
        defer { meter.leave() }
        line = expression.line
        switch expression.kind {
        case .attribute(let object, let name): return try evaluate(object, in: scope).attribute(name, meter)
        case .item(let object, let index):
            let object = try evaluate(object, in: scope)
            return try object.element(evaluate(index, in: scope), meter)
        case .call: return try evaluate(call: expression, caller: nil, in: scope)
        case .filter(let value, let name, let arguments):
            let value = try evaluate(value, in: scope)
            let arguments = try evaluate(arguments, in: scope)
            line = expression.line
            return try filter(value, name, arguments)
        case .test(let value, let name, let arguments):
            let value = try evaluate(value, in: scope)
            return .boolean(try test(value, name, evaluate(arguments, in: scope)))
        case .captured: return .text(captured.last ?? "")
        case .list, .tuple, .dictionary, .slice: return try collection(expression, in: scope)
        default: return try operation(expression, in: scope)
        }
    }

    private func variable(_ name: String, in scope: Scope) throws(Problem) -> Value {
        try meter.step()
        if let value = scope[name] { return value }
        if let function = GlobalFunction(rawValue: name) { return .function(function) }
        return .undefined(Undefined(.variable, Text(name)))
    }

    private func values(_ expressions: [Expression], in scope: Scope) throws(Problem) -> [Value] {
        var values: [Value] = []
        for expression in expressions { values.append(try evaluate(expression, in: scope)) }
        return values
    }

    private func collection(_ expression: Expression, in scope: Scope) throws(Problem) -> Value {
        switch expression.kind {
        case .list(let elements): return try .list(of: values(elements, in: scope), meter)
        case .tuple(let elements): return try .tuple(of: values(elements, in: scope), meter)
        case .dictionary(let entries):
            let dictionary = ValueDictionary()
            for (key, value) in entries {
                let key = try evaluate(key, in: scope)
                try dictionary.set(key, evaluate(value, in: scope), meter)
            }
            return .dictionary(dictionary)
        case .slice(let object, let start, let stop, let step):
            let object = try evaluate(object, in: scope)
            var bounds: [Value?] = []
            for bound in [start, stop, step] {
                if let bound { bounds.append(try evaluate(bound, in: scope)) } else { bounds.append(nil) }
            }
            line = expression.line
            return try object.slice(start: bounds[0], stop: bounds[1], step: bounds[2], meter)
        default: return .none
        }
    }

    private func operation(_ expression: Expression, in scope: Scope) throws(Problem) -> Value {
        switch expression.kind {
        case .sign(let negative, let operand): return try evaluate(operand, in: scope).signed(negative: negative)
        case .not(let operand): return .boolean(try !evaluate(operand, in: scope).isTrue)
        case .all(let operands):
            var value = Value.none
            for operand in operands {
                value = try evaluate(operand, in: scope)
                if !value.isTrue { break }
            }
            return value
        case .any(let operands):
            var value = Value.none
            for operand in operands {
                value = try evaluate(operand, in: scope)
                if value.isTrue { break }
            }
            return value
        case .arithmetic(let first, let rest):
            var value = try evaluate(first, in: scope)
            for (operation, operand) in rest {
                let operand = try evaluate(operand, in: scope)
                line = expression.line
                value = try operation.apply(value, operand, meter)
            }
            return value
        case .concatenation(let operands):
            var writer = LetterWriter(meter)
            for operand in operands { try writer.append(evaluate(operand, in: scope).printed(meter)) }
            return .text(writer.text)
        case .comparison(let first, let rest):
            var left = try evaluate(first, in: scope)
            for (operation, operand) in rest {
                let right = try evaluate(operand, in: scope)
                line = expression.line
                guard try operation.apply(left, right, meter) else { return .boolean(false) }
                left = right
            }
            return .boolean(true)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
            guard let otherwise else { return .undefined(Undefined(.noElse)) }
            return try evaluate(otherwise, in: scope)
        default: return .none
        }
    }
}
