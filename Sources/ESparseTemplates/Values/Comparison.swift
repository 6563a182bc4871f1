// Truth, equality, order and membership, as Python has them.

extension Value {
    /// Python's `bool(value)`.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .text(let text): !text.isEmpty
        case .list(let list), .tuple(let list): !list.elements.isEmpty
        case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count > 0
        case .range(let range): range.count > 0
        case .loop(let loop): !loop.elements.isEmpty
        case .iterator, .namespace, .macro, .cycler, .joiner, .function, .method: true
        }
    }

    /// Python's `==`.
    func equals(_ other: Value, _ meter: Meter) throws(Problem) -> Bool {
        try meter.step()
        switch (self, other) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.text(let left), .text(let right)):
            guard left.count == right.count else { return false }
            try meter.step(left.count >> 4)
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try Self.areEqual(left.elements, right.elements, meter)
        case (.dictionary(let left), .dictionary(let right)):
            guard left.count == right.count else { return false }
            for entry in left.entries {
                guard let value = right.value(try Key(entry.key, meter)), try entry.value.equals(value, meter) else {
                    return false
                }
            }
            return true
        case (.range(let left), .range(let right)): return left == right
        case (.view(let left, .keys), .view(let right, .keys)):
            guard left.count == right.count else { return false }
            for entry in left.entries where !right.contains(try Key(entry.key, meter)) { return false }
            return true
        case (.view(let left, _), .view(let right, _)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.macro(let left), .macro(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.cycler(let left), .cycler(let right)): return left === right
        case (.joiner(let left), .joiner(let right)): return left === right
        case (.function(let left), .function(let right)): return left == right
        case (.method(let left), .method(let right)): return left === right
        default: return Self.numbersCompare(self, other) == .same
        }
    }

    private static func areEqual(_ left: [Value], _ right: [Value], _ meter: Meter) throws(Problem) -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) where !(try left.equals(right, meter)) { return false }
        return true
    }

    /// How two numbers compare.
    enum Order { case before, same, after, unordered }

    private static func numbersCompare(_ left: Value, _ right: Value) -> Order? {
        if let left = left.index, let right = right.index {
            return left < right ? .before : left == right ? .same : .after
        }
        switch (left, right) {
        case (.float(let left), .float(let right)): return compare(left, right)
        case (.float(let left), _):
            guard let right = right.index else { return nil }
            return compare(left, right)
        case (_, .float(let right)):
            guard let left = left.index else { return nil }
            return switch compare(right, left) {
            case .before: .after
            case .after: .before
            case let order: order
            }
        default: return nil
        }
    }

    private static func compare(_ left: Double, _ right: Double) -> Order {
        left < right ? .before : left == right ? .same : left > right ? .after : .unordered
    }

    /// Exact, also where the integer has no equal Double.
    private static func compare(_ left: Double, _ right: Int) -> Order {
        guard let whole = Int(exactly: left.rounded(.down)) else { return compare(left, Double(right)) }
        if whole != right { return whole < right ? .before : .after }
        return left > Double(whole) ? .after : .same
    }

    /// Python's order of two values.
    ///
    /// - Throws: where they have none.
    func order(_ other: Value, _ meter: Meter) throws(Problem) -> Order {
        try meter.step()
        switch (self, other) {
        case (.text(let left), .text(let right)):
            try meter.step(min(left.count, right.count) >> 4)
            return left == right ? .same : Text.precedes(left, right) ? .before : .after
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.elements, right.elements) where !(try left.equals(right, meter)) {
                return try left.order(right, meter)
            }
            let (left, right) = (left.elements.count, right.elements.count)
            return left < right ? .before : left == right ? .same : .after
        default:
            if case .undefined(let undefined) = self { throw undefined.problem }
            if case .undefined(let undefined) = other { throw undefined.problem }
            guard let order = Self.numbersCompare(self, other) else {
                throw .failure("a \(typeName) and a \(other.typeName) have no order")
            }
            return order
        }
    }

    /// Python's `element in self`.
    func contains(_ element: Value, _ meter: Meter) throws(Problem) -> Bool {
        switch self {
        case .undefined: return false
        case .text(let text):
            guard let needle = element.text else {
                throw .failure("only a str can be in a str, and a \(element.typeName) is asked for")
            }
            return try text.find(needle, meter) != nil
        case .dictionary(let dictionary), .view(let dictionary, .keys):
            return dictionary.contains(try Key(element, meter))
        case .range(let range):
            if let value = element.index { return range.contains(value) }
            if case .float(let value) = element, let whole = Int(exactly: value) { return range.contains(whole) }
            return false
        case .iterator(let iterator):
            while let next = iterator.next() { if try next.equals(element, meter) { return true } }
            return false
        case .list, .tuple, .view:
            for candidate in try elements(meter) where try candidate.equals(element, meter) { return true }
            return false
        default: throw .failure("a \(typeName) has no elements that something could be in")
        }
    }

    /// Elements in ascending or descending order of their keys; equal ones keep their order.
    static func sorted(
        _ elements: [(key: Value, value: Value)], descending: Bool, _ meter: Meter
    ) throws(Problem) -> [Value] {
        try meter.allocate(values: 2 * elements.count)
        do {
            let order = try elements.indices.sorted { left, right in
                switch try elements[left].key.order(elements[right].key, meter) {
                case .before: !descending
                case .after: descending
                case .same, .unordered: left < right
                }
            }
            return order.map { elements[$0].value }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .failure("the elements cannot be sorted")
        }
    }
}
