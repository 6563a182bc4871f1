// Runs statements.

/// One rendering of a template.
final class Interpreter {
    let meter: Meter
    let clock: TemplateClock
    /// The variables of the template itself.
    let root = Scope(parent: nil)
    /// The line of what runs, for messages.
    var line = 1
    private(set) var output: [Letter] = []
    /// What the block around a filter has written.
    private(set) var captured: [Text] = []
    /// Objects that may refer to themselves in a circle.
    private var objects: [any CircularObject] = []

    init(_ limits: TemplateLimits, _ clock: TemplateClock) {
        meter = Meter(limits)
        self.clock = clock
        objects.append(root)
    }

    /// Cuts all circles, so that memory is given back.
    func releaseObjects() {
        for object in objects { object.release() }
    }

    /// Takes note of an object that must be released.
    func own(_ object: any CircularObject) throws(Problem) {
        try meter.allocate(values: 4)
        objects.append(object)
    }

    /// How the statements after one go on.
    enum Flow { case next, breakLoop, continueLoop }

    @discardableResult
    func run(_ statements: [Statement], in scope: Scope) throws(Problem) -> Flow {
        try meter.enter()
        defer { meter.leave() }
        for statement in statements {
            line = statement.line
            let flow = try run(statement, in: scope)
            if flow != .next { return flow }
        }
        return .next
    }

    private func run(_ statement: Statement, in scope: Scope) throws(Problem) -> Flow {
        try meter.step()
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let expressions):
            for expression in expressions { try write(evaluate(expression, in: scope).printed(meter)) }
        case .set(let target, let expression): try assign(evaluate(expression, in: scope), to: target, in: scope)
        case .condition(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test, in: scope).isTrue {
                return try run(branch.body, in: scope)
            }
            return try run(otherwise, in: scope)
        case .loop(let loop):
            return try run(loop, over: evaluate(loop.sequence, in: scope), depth: 0, in: scope)
        case .macro(let definition): scope[definition.name ?? ""] = .macro(try macro(definition, in: scope))
        case .setBlock, .callBlock, .filterBlock, .with, .generation: return try runBlock(statement, in: scope)
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .next
    }

    /// Runs a tag whose body has a scope of its own.
    private func runBlock(_ statement: Statement, in scope: Scope) throws(Problem) -> Flow {
        let inner = Scope(parent: scope)
        var flow = Flow.next
        switch statement.kind {
        case .setBlock(let target, let filter, let body):
            var value = Value.text(try capture { () throws(Problem) in flow = try run(body, in: inner) })
            if flow != .next { return flow }
            if let filter { value = try evaluate(filter, capturing: value, in: inner) }
            try assign(value, to: target, in: scope)
        case .filterBlock(let filter, let body):
            let text = try capture { () throws(Problem) in flow = try run(body, in: inner) }
            if flow != .next { return flow }
            try write(evaluate(filter, capturing: .text(text), in: inner).printed(meter))
        case .callBlock(let definition, let call):
            let caller = Value.macro(try macro(definition, in: scope))
            guard let text = try evaluate(call: call, caller: caller, in: scope).text else {
                throw .failure("what a call block calls gives no text")
            }
            try write(text)
        case .with(let values, let body):
            for (target, value) in values { try assign(evaluate(value, in: scope), to: target, in: inner) }
            return try run(body, in: inner)
        case .generation(let body): return try run(body, in: inner)
        default: break
        }
        return flow
    }

    private func macro(_ definition: MacroDefinition, in scope: Scope) throws(Problem) -> Macro {
        let macro = Macro(definition, in: scope)
        try own(macro)
        return macro
    }

    // MARK: Output

    func write(_ text: Text) throws(Problem) {
        try meter.allocate(letters: text.count)
        output += text.letters
    }

    /// What `body` writes, which then is no output.
    func capture(_ body: () throws(Problem) -> Void) throws(Problem) -> Text {
        let outer = output
        output = []
        defer { output = outer }
        try body()
        return Text(output)
    }

    /// The value of a filter around captured text.
    private func evaluate(_ filter: Expression, capturing value: Value, in scope: Scope) throws(Problem) -> Value {
        captured.append(value.text ?? "")
        defer { captured.removeLast() }
        return try evaluate(filter, in: scope)
    }

    // MARK: Assignment

    func assign(_ value: Value, to target: AssignmentTarget, in scope: Scope) throws(Problem) {
        try meter.step()
        switch target {
        case .name(let name): scope[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw .failure("'\(Text(name).excerpt(80))' is no namespace, so it has no attributes to set")
            }
            try namespace.set(.text(attribute), value, meter)
        case .tuple(let targets):
            if case .undefined(let undefined) = value, !targets.isEmpty { throw undefined.problem }
            let elements = try value.elements(meter)
            guard elements.count == targets.count else {
                throw .failure("\(elements.count) values do not fit \(targets.count) names")
            }
            for (target, element) in zip(targets, elements) { try assign(element, to: target, in: scope) }
        }
    }

    // MARK: Loops

    /// Runs a loop over a value; `depth` counts the loops of the same recursive tag around it.
    @discardableResult
    func run(_ loop: LoopStatement, over sequence: Value, depth: Int, in scope: Scope) throws(Problem) -> Flow {
        var elements = try sequence.elements(meter)
        if let test = loop.test {
            var passed: [Value] = []
            for element in elements {
                let inner = Scope(parent: scope)
                try assign(element, to: loop.target, in: inner)
                if try evaluate(test, in: inner).isTrue { passed.append(element) }
            }
            try meter.allocate(values: passed.count)
            elements = passed
        }
        guard !elements.isEmpty else { return try run(loop.otherwise, in: Scope(parent: scope)) }
        let context = LoopContext(elements, depth0: depth, recursion: loop.isRecursive ? (loop, scope) : nil)
        try own(context)
        for (index, element) in elements.enumerated() {
            let inner = Scope(parent: scope)
            context.index0 = index
            try meter.allocate(bytes: 64)
            inner["loop"] = .loop(context)
            try assign(element, to: loop.target, in: inner)
            if try run(loop.body, in: inner) == .breakLoop { break }
        }
        return .next
    }
}
