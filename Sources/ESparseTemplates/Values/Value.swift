// The values of a template: Python's, as far as templates can make or see them.

/// A value. Lists, tuples and dictionaries never change: transformers' environment refuses every method that would.
enum Value {
    case undefined(Undefined)
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case text(Text)
    case list(ValueList)
    case tuple(ValueList)
    case dictionary(ValueDictionary)
    case range(ValueRange)
    /// What `keys()`, `values()` and `items()` of a dictionary give.
    case view(ValueDictionary, DictionaryPart)
    /// What filters such as `map` and `select` give: it can be read once.
    case iterator(ValueIterator)
    case namespace(Namespace)
    case macro(Macro)
    case loop(LoopContext)
    case cycler(Cycler)
    case joiner(Joiner)
    case function(GlobalFunction)
    case method(BoundMethod)

    /// The type's name in Python, for messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .boolean: "bool"
        case .integer: "int"
        case .float: "float"
        case .text: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .range: "range"
        case .view(_, let part): part.typeName
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .macro: "Macro"
        case .loop: "LoopContext"
        case .cycler: "Cycler"
        case .joiner: "Joiner"
        case .function: "function"
        case .method: "method"
        }
    }

    /// How deep values nest in this one.
    var depth: Int {
        switch self {
        case .list(let list), .tuple(let list): list.depth
        case .dictionary(let dictionary), .view(let dictionary, _): dictionary.depth
        case .iterator(let iterator): iterator.depth
        case .method(let method): method.depth
        case .cycler(let cycler): cycler.depth
        case .joiner(let joiner): joiner.depth
        case .undefined, .none, .boolean, .integer, .float, .text, .range, .namespace, .macro, .loop, .function: 0
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// Python's `escape(str(value))`: `Markup` stays as it is.
    func escaped(_ meter: Meter) throws(Problem) -> Text {
        if let text { return try text.escaped(meter) }
        return try printed(meter).escaped(meter)
    }

    /// A string's text, or nil for anything else.
    var text: Text? {
        if case .text(let text) = self { text } else { nil }
    }

    /// Python's `int(value)` where it is an int or a bool, or nil for anything else.
    var index: Int? {
        switch self {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: nil
        }
    }

    /// A list of counted elements.
    static func list(of elements: [Value], _ meter: Meter) throws(Problem) -> Value {
        .list(try ValueList(elements, meter))
    }

    /// A tuple of counted elements.
    static func tuple(of elements: [Value], _ meter: Meter) throws(Problem) -> Value {
        .tuple(try ValueList(elements, meter))
    }
}

/// What is not there: it prints as nothing, has no elements and is false; anything else fails with its message.
struct Undefined {
    enum Reason {
        case variable, element, parameter, unsafeAttribute, emptySequence, noElse, noPrevious, noNext, noCaller
    }

    let reason: Reason
    let name: Text

    init(_ reason: Reason, _ name: Text = "") {
        self.reason = reason
        self.name = name
    }

    /// Why an operation on it fails.
    var problem: Problem {
        let name = name.excerpt(80)
        return switch reason {
        case .variable: .failure("'\(name)' is undefined")
        case .element: .failure("there is no element or attribute '\(name)'")
        case .parameter: .failure("the parameter '\(name)' was not given")
        case .unsafeAttribute: .failure("the attribute '\(name)' is not safe and may not be used")
        case .emptySequence: .failure("the sequence has no elements")
        case .noElse: .failure("an inline 'if' without 'else' was false")
        case .noPrevious: .failure("there is no previous element")
        case .noNext: .failure("there is no next element")
        case .noCaller: .failure("the macro was not called by a call block")
        }
    }
}

/// The elements of a list or a tuple.
final class ValueList {
    let elements: [Value]
    /// One more than the deepest element.
    let depth: Int

    init(_ elements: [Value], _ meter: Meter) throws(Problem) {
        try meter.allocate(values: elements.count)
        self.elements = elements
        depth = try Self.depth(around: elements.lazy.map(\.depth).max() ?? 0)
    }

    static func depth(around inner: Int) throws(Problem) -> Int {
        guard inner < TemplateLimits.valueDepth else {
            throw .limit("values nest more than \(TemplateLimits.valueDepth) deep")
        }
        return inner + 1
    }
}

/// The integers that Python's `range` stands for.
struct ValueRange: Equatable {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// The most elements, as in jinja's sandbox.
    static let maximumCount = 100_000

    init(start: Int, stop: Int, step: Int) throws(Problem) {
        guard step != 0 else { throw .failure("the step of a range may not be 0") }
        let (distance, overflow) =
            step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        guard !overflow, step != .min else { throw .failure("the range is too large") }
        let stride = abs(step)
        count = distance <= 0 ? 0 : (distance - 1) / stride + 1
        guard count <= Self.maximumCount else {
            throw .failure("a range has at most \(Self.maximumCount) elements")
        }
        self.start = start
        self.stop = stop
        self.step = step
    }

    /// The element at `place`, in `[0, count)`.
    subscript(place: Int) -> Int { start + place * step }

    func contains(_ value: Int) -> Bool {
        guard count > 0 else { return false }
        let last = self[count - 1]
        guard value >= min(start, last), value <= max(start, last) else { return false }
        return (value - start) % step == 0
    }

    static func == (left: ValueRange, right: ValueRange) -> Bool {
        left.count == right.count
            && (left.count == 0 || left.start == right.start && (left.count == 1 || left.step == right.step))
    }
}

/// A sequence that can be read once.
final class ValueIterator {
    private var elements: [Value]
    private var position = 0
    let depth: Int

    init(_ elements: [Value], _ meter: Meter) throws(Problem) {
        try meter.allocate(values: elements.count)
        self.elements = elements
        depth = try ValueList.depth(around: elements.lazy.map(\.depth).max() ?? 0)
    }

    func next() -> Value? {
        guard position < elements.count else { return nil }
        position += 1
        return elements[position - 1]
    }

    /// All that was not read yet.
    func rest() -> [Value] {
        defer { position = elements.count }
        return position == 0 ? elements : Array(elements[position...])
    }
}
