// `value.name` and `value[name]` in jinja's sandbox: attributes, elements, and what is refused.

extension Value {
    /// `value.name`: an attribute, else an element.
    func attribute(_ name: Text, _ meter: Meter) throws(Problem) -> Value {
        if let value = try ownAttribute(name, meter) { return value }
        if case .undefined(let undefined) = self { throw undefined.problem }
        return try item(.text(name), meter) ?? .undefined(Undefined(.element, name))
    }

    /// `value[index]`: an element, else an attribute.
    func element(_ index: Value, _ meter: Meter) throws(Problem) -> Value {
        if let value = try item(index, meter) { return value }
        guard let name = index.text else {
            return .undefined(Undefined(.element, (try? index.printed(meter)) ?? Text(index.typeName)))
        }
        return try ownAttribute(name, meter) ?? .undefined(Undefined(.element, name))
    }

    /// What Python's `getattr` finds, as far as the sandbox lets templates have it; nil where there is no such attribute.
    func ownAttribute(_ name: Text, _ meter: Meter) throws(Problem) -> Value? {
        guard name.count <= 64 else { return nil }
        let spelled = name.string
        if spelled.hasPrefix("__"), spelled.hasSuffix("__"), spelled.utf8.count > 4 {
            if case .undefined = self { return nil }
            if case .namespace(let namespace) = self, spelled != "__class__" { return namespace.attributes.value(name) }
            return .undefined(Undefined(.unsafeAttribute, name))
        }
        switch self {
        case .undefined(let undefined): throw undefined.problem
        case .namespace(let namespace): return namespace.attributes.value(name)
        case .loop(let loop): return loop.attribute(spelled)
        case .macro(let macro): return try macro.attribute(spelled, meter)
        case .cycler(let cycler):
            if spelled == "current" { return cycler.current }
            return ["next", "reset"].contains(spelled) ? .method(BoundMethod(receiver: self, name: name)) : nil
        case .text: return method(name, spelled, in: Self.textMethods)
        case .list:
            if ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"].contains(spelled) {
                return .undefined(Undefined(.unsafeAttribute, name))
            }
            return method(name, spelled, in: ["copy", "count", "index"])
        case .tuple, .range: return method(name, spelled, in: ["count", "index"])
        case .dictionary:
            if ["clear", "pop", "popitem", "setdefault", "update"].contains(spelled) {
                return .undefined(Undefined(.unsafeAttribute, name))
            }
            return method(name, spelled, in: ["copy", "fromkeys", "get", "items", "keys", "values"])
        case .integer, .float, .boolean: return method(name, spelled, in: ["is_integer", "bit_length"])
        default: return nil
        }
    }

    private func method(_ name: Text, _ spelled: String, in known: Set<String>) -> Value? {
        known.contains(spelled) ? .method(BoundMethod(receiver: self, name: name)) : nil
    }

    /// All of `str`'s methods; calling one that is not supported is an error of its own.
    private static let textMethods: Set<String> = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format", "format_map",
        "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric",
        "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip", "maketrans", "partition",
        "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip",
        "split", "splitlines", "startswith", "strip", "swapcase", "title", "translate", "upper", "zfill",
    ]
}

extension Macro {
    fileprivate func attribute(_ name: String, _ meter: Meter) throws(Problem) -> Value? {
        switch name {
        case "arguments": try .tuple(of: definition.parameters.map { .text(Text($0.name)) }, meter)
        case "name": definition.name.map { .text(Text($0)) } ?? Value.none
        case "catch_kwargs": .boolean(definition.uses.contains("kwargs"))
        case "catch_varargs": .boolean(definition.uses.contains("varargs"))
        case "caller": .boolean(definition.uses.contains("caller"))
        default: nil
        }
    }
}
