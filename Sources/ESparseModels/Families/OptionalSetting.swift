// A setting of config.json whose absence and whose null mean different things.

/// A setting that may be absent (the family's default applies), null (there is none) or have a value, such as `sliding_window`.
enum OptionalSetting<Value: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    case absent
    case null
    case value(Value)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .null : .value(try container.decode(Value.self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .value(let value) = self {
            try container.encode(value)
        } else {
            try container.encodeNil()
        }
    }

    /// The value, `fallback` where the setting is absent, nil where it is null.
    func value(or fallback: Value?) -> Value? {
        switch self {
        case .absent: fallback
        case .null: nil
        case .value(let value): value
        }
    }
}

extension KeyedDecodingContainer {
    /// Lets a synthesised `init(from:)` tell an absent setting from a null one.
    func decode<Value>(_ type: OptionalSetting<Value>.Type, forKey key: Key) throws -> OptionalSetting<Value> {
        guard contains(key) else { return .absent }
        return try decodeNil(forKey: key) ? .null : .value(try decode(Value.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    /// Leaves an absent setting out.
    mutating func encode<Value>(_ setting: OptionalSetting<Value>, forKey key: Key) throws {
        switch setting {
        case .absent: break
        case .null: try encodeNil(forKey: key)
        case .value(let value): try encode(value, forKey: key)
        }
    }
}
