// Iterating, indexing and slicing values.

extension Value {
    /// The elements that a loop over the value visits; those of an iterator are used up.
    ///
    /// - Throws: where it has none.
    func elements(_ meter: Meter) throws(Problem) -> [Value] {
        switch self {
        case .undefined: return []
        case .list(let list), .tuple(let list): return list.elements
        case .text(let text):
            try meter.allocate(values: 2 * text.count)
            return text.letters.map { .text(text.with([$0])) }
        case .dictionary(let dictionary): return try dictionary.elements(.keys, meter)
        case .view(let dictionary, let part): return try dictionary.elements(part, meter)
        case .range(let range):
            try meter.allocate(values: range.count)
            return (0..<range.count).map { .integer(range[$0]) }
        case .iterator(let iterator): return iterator.rest()
        default: throw .failure("a \(typeName) cannot be iterated over")
        }
    }

    /// Whether a loop can go over it.
    var isIterable: Bool {
        switch self {
        case .undefined, .list, .tuple, .text, .dictionary, .view, .range, .iterator, .loop: true
        default: false
        }
    }

    /// Python's `len(value)`, or nil where it has none.
    var length: Int? {
        switch self {
        case .undefined: 0
        case .text(let text): text.count
        case .list(let list), .tuple(let list): list.elements.count
        case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count
        case .range(let range): range.count
        case .loop(let loop): loop.elements.count
        default: nil
        }
    }

    /// Python's `value[index]`, or nil where it raises `TypeError` or `LookupError`.
    func item(_ index: Value, _ meter: Meter) throws(Problem) -> Value? {
        switch self {
        case .undefined(let undefined): throw undefined.problem
        case .dictionary(let dictionary):
            guard let key = try? Key(index, meter) else { return nil }
            return dictionary.value(key)
        case .list(let list), .tuple(let list):
            return Self.place(index.index, in: list.elements.count).map { list.elements[$0] }
        case .text(let text):
            return Self.place(index.index, in: text.count).map { .text(text.with([text.letters[$0]])) }
        case .range(let range): return Self.place(index.index, in: range.count).map { .integer(range[$0]) }
        default: return nil
        }
    }

    /// A place from the front for an index that may count from the end, or nil where it is outside.
    private static func place(_ index: Int?, in count: Int) -> Int? {
        guard let index, index < count, index >= -count else { return nil }
        return index < 0 ? index + count : index
    }

    /// Python's `value[start:stop:step]`; nil and None stand for what was left out.
    func slice(start: Value?, stop: Value?, step: Value?, _ meter: Meter) throws(Problem) -> Value {
        if case .undefined(let undefined) = self { throw undefined.problem }
        guard let count = length else { throw .failure("a \(typeName) has no slices") }
        let places = try SlicePlaces(
            start: Self.bound(start), stop: Self.bound(stop), step: Self.bound(step), count: count)
        switch self {
        case .text(let text):
            try meter.allocate(letters: places.count)
            return .text(text.with(places.places.map { text.letters[$0] }))
        case .list(let list): return try .list(of: places.places.map { list.elements[$0] }, meter)
        case .tuple(let list): return try .tuple(of: places.places.map { list.elements[$0] }, meter)
        case .range(let range):
            let elements: [Value] = places.places.map { .integer(range[$0]) }
            return try .list(of: elements, meter)
        default: throw .failure("a \(typeName) has no slices")
        }
    }

    private static func bound(_ value: Value?) throws(Problem) -> Int? {
        guard let value else { return nil }
        if case .none = value { return nil }
        if case .undefined(let undefined) = value { throw undefined.problem }
        guard let index = value.index else { throw .failure("slices take integers, and a \(value.typeName) is there") }
        return index
    }
}

/// The places that a slice takes, in its order.
private struct SlicePlaces {
    let places: StrideTo<Int>
    let count: Int

    init(start: Int?, stop: Int?, step: Int?, count: Int) throws(Problem) {
        let step = step ?? 1
        guard step != 0, step != .min else { throw .failure("the step of a slice may not be \(step)") }
        func clamped(_ value: Int?, _ otherwise: Int) -> Int {
            guard let value else { return otherwise }
            let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
            let place = value < 0 ? max(value, -count - 1) + count : value
            return min(max(place, lowest), highest)
        }
        let first = clamped(start, step > 0 ? 0 : count - 1)
        let end = clamped(stop, step > 0 ? count : -1)
        // A larger step takes the first element only, and could overflow.
        let bounded = min(max(step, -count - 1), count + 1)
        places = stride(from: first, to: end, by: bounded)
        let distance = bounded > 0 ? end - first : first - end
        self.count = distance <= 0 ? 0 : (distance - 1) / abs(bounded) + 1
    }
}
