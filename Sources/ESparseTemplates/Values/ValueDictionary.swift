// Dictionaries: entries in the order in which they were added, found by key.

/// The part of a dictionary that a view shows.
enum DictionaryPart {
    case keys, values, items

    var typeName: String {
        switch self {
        case .keys: "dict_keys"
        case .values: "dict_values"
        case .items: "dict_items"
        }
    }
}

/// A value as a key: what Python's `hash` and `==` tell apart.
enum Key: Hashable {
    case none
    case integer(Int)
    case float(Double)
    case text(Text)
    case tuple([Key])
    case range(Int, Int, Int)
    case undefined
    case object(ObjectIdentifier)
    case function(GlobalFunction)

    /// - Throws: where the value has no hash.
    init(_ value: Value, _ meter: Meter) throws(Problem) {
        try meter.step()
        switch value {
        case .none: self = .none
        case .boolean(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .float(let value):
            if let whole = Int(exactly: value) { self = .integer(whole) } else { self = .float(value) }
        case .text(let text):
            try meter.step(text.count >> 2)
            self = .text(text)
        case .tuple(let list):
            var keys: [Key] = []
            for element in list.elements { keys.append(try Key(element, meter)) }
            self = .tuple(keys)
        case .range(let range):
            self = .range(range.count, range.count > 0 ? range.start : 0, range.count > 1 ? range.step : 0)
        case .undefined: self = .undefined
        case .iterator(let object): self = .object(ObjectIdentifier(object))
        case .namespace(let object): self = .object(ObjectIdentifier(object))
        case .macro(let object): self = .object(ObjectIdentifier(object))
        case .loop(let object): self = .object(ObjectIdentifier(object))
        case .cycler(let object): self = .object(ObjectIdentifier(object))
        case .joiner(let object): self = .object(ObjectIdentifier(object))
        case .function(let function): self = .function(function)
        case .list, .dictionary, .view, .method: throw .failure("a \(value.typeName) cannot be a key")
        }
    }
}

/// A dictionary under construction or finished; never changed once a value holds it.
final class ValueDictionary {
    private(set) var entries: [(key: Value, value: Value)] = []
    private var places: [Key: Int] = [:]
    /// One more than the deepest entry.
    private(set) var depth = 1

    init() {}

    /// Sets an entry; a key that is there keeps its place.
    func set(_ key: Value, _ value: Value, _ meter: Meter) throws(Problem) {
        try meter.allocate(values: 3)
        depth = try max(depth, ValueList.depth(around: max(key.depth, value.depth)))
        let place = try Key(key, meter)
        if let known = places[place] {
            entries[known].value = value
        } else {
            places[place] = entries.count
            entries.append((key, value))
        }
    }

    /// The value of a key, or nil where there is none.
    func value(_ key: Key) -> Value? { places[key].map { entries[$0].value } }

    func value(_ name: Text) -> Value? { value(.text(name)) }

    func contains(_ key: Key) -> Bool { places[key] != nil }

    var count: Int { entries.count }

    /// The keys, the values, or pairs of both.
    func elements(_ part: DictionaryPart, _ meter: Meter) throws(Problem) -> [Value] {
        try meter.allocate(values: count)
        switch part {
        case .keys: return entries.map(\.key)
        case .values: return entries.map(\.value)
        case .items:
            var pairs: [Value] = []
            for entry in entries { pairs.append(try .tuple(of: [entry.key, entry.value], meter)) }
            return pairs
        }
    }
}
