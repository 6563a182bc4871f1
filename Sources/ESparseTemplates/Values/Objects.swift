// Values that have an identity: namespaces, macros, loops, cyclers and bound methods.

/// An object that may refer to itself in a circle; the interpreter cuts the circles when it is done.
protocol CircularObject: AnyObject {
    /// Forgets all values.
    func release()
}

/// `namespace()`: attributes that assignments inside loops can change.
final class Namespace: CircularObject {
    private(set) var attributes = ValueDictionary()

    /// - Throws: where the name begins with an underscore, as transformers refuses it.
    func set(_ name: Value, _ value: Value, _ meter: Meter) throws(Problem) {
        if let text = name.text, text.letters.first?.code == 0x5F {
            throw .failure("a namespace cannot have the attribute '\(text.excerpt(80))': it begins with an underscore")
        }
        try attributes.set(name, value, meter)
    }

    func release() { attributes = ValueDictionary() }
}

/// A macro, or the body of a call block.
final class Macro: CircularObject {
    let definition: MacroDefinition
    /// Where it was defined; nil once the rendering is over.
    private(set) var scope: Scope?

    init(_ definition: MacroDefinition, in scope: Scope) {
        self.definition = definition
        self.scope = scope
    }

    func release() { scope = nil }
}

/// The `loop` variable.
final class LoopContext: CircularObject {
    private(set) var elements: [Value]
    /// How many loops of the same `recursive` tag are around it.
    let depth0: Int
    /// The tag and its scope, where it is `recursive`.
    private(set) var recursion: (loop: LoopStatement, scope: Scope)?
    /// The iteration, from 0.
    var index0 = 0
    private var lastChanged: [Value]?

    init(_ elements: [Value], depth0: Int, recursion: (loop: LoopStatement, scope: Scope)?) {
        self.elements = elements
        self.depth0 = depth0
        self.recursion = recursion
    }

    /// An attribute, or nil where there is none of this name.
    func attribute(_ name: String) -> Value? {
        switch name {
        case "index0": .integer(index0)
        case "index": .integer(index0 + 1)
        case "length": .integer(elements.count)
        case "revindex0": .integer(elements.count - index0 - 1)
        case "revindex": .integer(elements.count - index0)
        case "first": .boolean(index0 == 0)
        case "last": .boolean(index0 + 1 >= elements.count)
        case "depth0": .integer(depth0)
        case "depth": .integer(depth0 + 1)
        case "previtem":
            index0 > 0 && index0 <= elements.count ? elements[index0 - 1] : .undefined(Undefined(.noPrevious))
        case "nextitem": index0 + 1 < elements.count ? elements[index0 + 1] : .undefined(Undefined(.noNext))
        case "cycle", "changed": .method(BoundMethod(receiver: .loop(self), name: Text(name)))
        default: nil
        }
    }

    /// Whether these values differ from those of the last call.
    func changed(_ values: [Value], _ meter: Meter) throws(Problem) -> Bool {
        defer { lastChanged = values }
        guard let lastChanged, lastChanged.count == values.count else { return true }
        for (old, new) in zip(lastChanged, values) where !(try old.equals(new, meter)) { return true }
        return false
    }

    func release() {
        elements = []
        recursion = nil
        lastChanged = nil
    }
}

/// `cycler()`: gives its items in turn.
final class Cycler {
    let items: [Value]
    private(set) var position = 0
    /// How deep values nest in this one.
    let depth: Int

    /// - Throws: where the items nest too deep.
    init(_ items: [Value]) throws(Problem) {
        self.items = items
        depth = try ValueList.depth(around: items.map(\.depth).max() ?? 0)
    }

    var current: Value { items[position] }

    func next() -> Value {
        defer { position = (position + 1) % items.count }
        return items[position]
    }

    func reset() { position = 0 }
}

/// `joiner()`: nothing at its first call, a separator at each later one.
final class Joiner {
    let separator: Value
    private var isUsed = false
    /// How deep values nest in this one.
    let depth: Int

    /// - Throws: where the separator nests too deep.
    init(_ separator: Value) throws(Problem) {
        self.separator = separator
        depth = try ValueList.depth(around: separator.depth)
    }

    func next() -> Value {
        defer { isUsed = true }
        return isUsed ? separator : .text("")
    }
}

/// A method of a value, not called yet.
final class BoundMethod {
    let receiver: Value
    let name: Text
    let depth: Int

    init(receiver: Value, name: Text) {
        self.receiver = receiver
        self.name = name
        depth = receiver.depth + 1
    }
}

/// The functions that every template can call.
enum GlobalFunction: String, CaseIterable, Hashable {
    case range, dict, namespace, cycler, joiner, lipsum
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

/// Variables, innermost first; each body of a loop, macro or block has a scope of its own.
final class Scope: CircularObject {
    private var variables: [String: Value] = [:]
    let parent: Scope?

    init(parent: Scope?) { self.parent = parent }

    subscript(name: String) -> Value? {
        get {
            var scope: Scope? = self
            while let current = scope {
                if let value = current.variables[name] { return value }
                scope = current.parent
            }
            return nil
        }
        set { variables[name] = newValue }
    }

    func release() { variables = [:] }
}
