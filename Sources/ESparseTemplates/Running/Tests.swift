// The tests by name: what stands behind `is`.

/// A test: whether a value passes.
struct TemplateTests: Sendable {
    typealias Passes = @Sendable (Interpreter, Value, [Value]) throws(Problem) -> Bool

    /// How many arguments it takes.
    let argumentCount: Int
    let passes: Passes

    private init(_ argumentCount: Int = 0, _ passes: @escaping Passes) {
        self.argumentCount = argumentCount
        self.passes = passes
    }

    static func unknown(_ name: String) -> Problem { .failure("there is no test '\(Text(name).excerpt(40))'") }

    /// Every test that is known.
    static let all: [String: TemplateTests] = kinds.merging(comparisons) { first, _ in first }

    private static func kind(_ isKind: @escaping @Sendable (Value) -> Bool) -> TemplateTests {
        TemplateTests { _, value, _ throws(Problem) in isKind(value) }
    }

    private static let kinds: [String: TemplateTests] = [
        "defined": kind { !$0.isUndefined },
        "undefined": kind(\.isUndefined),
        "none": kind { if case .none = $0 { true } else { false } },
        "boolean": kind { if case .boolean = $0 { true } else { false } },
        "true": kind { if case .boolean(true) = $0 { true } else { false } },
        "false": kind { if case .boolean(false) = $0 { true } else { false } },
        "integer": kind { if case .integer = $0 { true } else { false } },
        "float": kind { if case .float = $0 { true } else { false } },
        "number": kind { $0.double != nil },
        "string": kind { $0.text != nil },
        "mapping": kind { if case .dictionary = $0 { true } else { false } },
        "iterable": kind(\.isIterable),
        "sequence": kind {
            switch $0 {
            case .undefined, .text, .list, .tuple, .dictionary, .range: true
            default: false
            }
        },
        "callable": kind {
            switch $0 {
            case .macro, .function, .method, .joiner, .loop, .undefined: true
            default: false
            }
        },
        "escaped": kind { $0.text?.isMarkup ?? false },
        "lower": TemplateTests { run, value, _ throws(Problem) in
            let text = try value.printed(run.meter)
            try run.meter.step(text.count)
            return text.isLowercase
        },
        "upper": TemplateTests { run, value, _ throws(Problem) in
            let text = try value.printed(run.meter)
            try run.meter.step(text.count)
            return text.isUppercase
        },
        "filter": TemplateTests { run, value, _ throws(Problem) in
            _ = try Key(value, run.meter)
            return value.text.map { Filters.all[$0.string] != nil } ?? false
        },
        "test": TemplateTests { run, value, _ throws(Problem) in
            _ = try Key(value, run.meter)
            return value.text.map { TemplateTests.all[$0.string] != nil } ?? false
        },
    ]

    private static func comparison(_ operation: ComparisonOperator) -> TemplateTests {
        TemplateTests(1) { run, value, arguments throws(Problem) in try operation.apply(value, arguments[0], run.meter)
        }
    }

    private static func remainder(_ value: Value, _ divisor: Int, _ meter: Meter) throws(Problem) -> Value {
        try ArithmeticOperator.modulo.apply(value, .integer(divisor), meter)
    }

    private static let comparisons: [String: TemplateTests] = [
        "==": comparison(.equal), "eq": comparison(.equal), "equalto": comparison(.equal),
        "!=": comparison(.unequal), "ne": comparison(.unequal),
        ">": comparison(.greater), "gt": comparison(.greater), "greaterthan": comparison(.greater),
        ">=": comparison(.greaterOrEqual), "ge": comparison(.greaterOrEqual),
        "<": comparison(.less), "lt": comparison(.less), "lessthan": comparison(.less),
        "<=": comparison(.lessOrEqual), "le": comparison(.lessOrEqual),
        "in": comparison(.isIn),
        "sameas": TemplateTests(1) { run, value, arguments throws(Problem) in
            try value.isSame(as: arguments[0], run.meter)
        },
        "odd": TemplateTests { run, value, _ throws(Problem) in
            try remainder(value, 2, run.meter).equals(.integer(1), run.meter)
        },
        "even": TemplateTests { run, value, _ throws(Problem) in
            try remainder(value, 2, run.meter).equals(.integer(0), run.meter)
        },
        "divisibleby": TemplateTests(1) { run, value, arguments throws(Problem) in
            try ArithmeticOperator.modulo.apply(value, arguments[0], run.meter).equals(.integer(0), run.meter)
        },
    ]
}

extension Value {
    /// Python's `is`, for values whose identity does not depend on how Python stores them.
    fileprivate func isSame(as other: Value, _ meter: Meter) throws(Problem) -> Bool {
        switch (self, other) {
        case (.none, .none): return true
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.none, _), (.boolean, _), (_, .none), (_, .boolean): return false
        case (.namespace, .namespace), (.macro, .macro), (.loop, .loop): return try equals(other, meter)
        default: throw .failure("'sameas' is supported for none, true, false and objects only")
        }
    }
}

extension Interpreter {
    /// Whether a value passes a test.
    func test(_ value: Value, _ name: String, _ arguments: Arguments) throws(Problem) -> Bool {
        guard let test = TemplateTests.all[name] else { throw TemplateTests.unknown(name) }
        try meter.step()
        guard arguments.keywords.isEmpty, arguments.positional.count == test.argumentCount else {
            throw .failure("the test '\(name)' takes \(test.argumentCount) arguments")
        }
        return try test.passes(self, value, arguments.positional)
    }
}
