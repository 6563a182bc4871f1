// The filters by name, and how one is applied.

/// A filter: what it makes of a value and arguments.
struct Filters: Sendable {
    typealias Apply = @Sendable (Interpreter, Value, Arguments) throws(Problem) -> Value

    let apply: Apply

    /// Every filter that is known.
    static let all: [String: Filters] = TextFilters.all
        .merging(SequenceFilters.all) { first, _ in first }
        .merging(SelectionFilters.all) { first, _ in first }
        .merging(NumberFilters.all) { first, _ in first }
        .mapValues { Filters(apply: $0) }

    static func unknown(_ name: String) -> Problem { .failure("there is no filter '\(Text(name).excerpt(40))'") }
}

extension Interpreter {
    /// Applies a filter.
    func filter(_ value: Value, _ name: String, _ arguments: Arguments) throws(Problem) -> Value {
        guard let filter = Filters.all[name] else { throw Filters.unknown(name) }
        try meter.step()
        return try filter.apply(self, value, arguments)
    }
}

/// Reads `a.b.0` of a value, as filters' `attribute` does.
struct AttributePath {
    private let parts: [Value]
    private let standard: Value?

    /// - Parameter standard: what stands for what is not there.
    init(_ attribute: Value?, standard: Value? = nil, _ meter: Meter) throws(Problem) {
        self.standard = standard?.unlessNone
        switch attribute?.unlessNone {
        case nil: parts = []
        case .text(let text)?:
            parts = try text.split(".", limit: -1, meter).map {
                $0.isEvery(\.isDigit) ? .integer(Int($0.string) ?? .max) : .text($0)
            }
        case let index?: parts = [index]
        }
    }

    func value(of value: Value, _ meter: Meter) throws(Problem) -> Value {
        var result = value
        for part in parts {
            result = try result.element(part, meter)
            if let standard, result.isUndefined { result = standard }
        }
        return result
    }
}

extension Interpreter {
    /// A text in lower case, where comparisons ignore case; anything else as it is.
    func ignoringCase(_ value: Value, unless isSensitive: Bool = false) throws(Problem) -> Value {
        guard !isSensitive, let text = value.text else { return value }
        return .text(try recased(text, "lower"))
    }

    /// Python's `str(value)`, but `Markup` stays that: markupsafe's `soft_str`.
    func softText(_ value: Value) throws(Problem) -> Text {
        if let text = value.text { text } else { try value.printed(meter) }
    }
}
