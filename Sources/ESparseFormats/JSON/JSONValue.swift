// JSON as a value: strings are raw UTF-8 bytes and objects keep their order.

/// A JSON value. The keys of a parsed object are unique.
///
/// Strings are bytes because Swift compares strings by canonical equivalence: as dictionary keys, tokens that differ only
/// in how an accent is composed would collapse into one.
package enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number written without fraction or exponent that fits 64 bits.
    case integer(Int)
    /// Any other number.
    case number(Double)
    /// UTF-8.
    case string([UInt8])
    case array([JSONValue])
    case object([Member])

    /// One key and its value.
    package struct Member: Sendable, Equatable {
        /// UTF-8.
        package let key: [UInt8]
        /// The value of the key.
        package let value: JSONValue

        package init(key: [UInt8], value: JSONValue) {
            self.key = key
            self.value = value
        }

        /// The key as text.
        package var name: String { String(decoding: key, as: UTF8.self) }
    }

    /// A string.
    package static func text(_ text: String) -> JSONValue { .string(Array(text.utf8)) }

    /// An object whose order does not matter; members are in the byte order of their keys.
    package static func sorted(_ members: [String: JSONValue]) -> JSONValue {
        .object(
            members.map { Member(key: Array($0.key.utf8), value: $0.value) }
                .sorted { $0.key.lexicographicallyPrecedes($1.key) })
    }

    /// The value of the member called `key`, or nil where this is no object or has none; null counts as absent.
    package subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self,
            let member = members.first(where: { $0.key.elementsEqual(key.utf8) }), member.value != .null
        else { return nil }
        return member.value
    }

    /// True or false, or nil for anything else.
    package var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// An integer, or nil for anything else.
    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// A number, whole or not, or nil for anything else.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// A string's UTF-8 bytes, or nil for anything else.
    package var bytes: [UInt8]? {
        if case .string(let value) = self { value } else { nil }
    }

    /// A string's text, or nil for anything else.
    package var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// The elements of an array, or nil for anything else.
    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object, or nil for anything else.
    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// What kind of value this is, for messages.
    package var kind: String {
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
