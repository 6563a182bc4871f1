// JSON as tokenizer files hold it: strings are raw UTF-8 bytes and objects keep their order.

/// A parsed JSON value.
///
/// Strings are bytes because Swift compares strings by canonical equivalence: as dictionary keys, tokens that differ only
/// in how an accent is composed would collapse into one.
enum JSONValue: Sendable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string([UInt8])
    case array([JSONValue])
    case object([Member])

    /// One key and its value.
    struct Member: Sendable {
        let key: [UInt8]
        let value: JSONValue
    }

    /// The value of the last member called `key`, or nil where this is no object or has none; null counts as absent.
    subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        for member in members.reversed() where member.key.elementsEqual(key.utf8) {
            if case .null = member.value { return nil }
            return member.value
        }
        return nil
    }

    var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    var bytes: [UInt8]? {
        if case .string(let value) = self { value } else { nil }
    }

    /// A string's text.
    var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    var members: [Member]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What kind of value this is, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a Boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
