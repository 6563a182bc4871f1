// `sliding_window` of config.json: a number of tokens, no window, or the family's default.

/// `sliding_window`, where absent (the family's default applies) and null (no window) differ.
enum SlidingWindow: Codable, Equatable {
    case absent
    case none
    case size(Int)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .none : .size(try container.decode(Int.self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .size(let size) = self {
            try container.encode(size)
        } else {
            try container.encodeNil()
        }
    }
}

extension KeyedDecodingContainer {
    /// Lets a synthesised `init(from:)` tell an absent window from a null one.
    func decode(_ type: SlidingWindow.Type, forKey key: Key) throws -> SlidingWindow {
        guard contains(key) else { return .absent }
        return try decodeNil(forKey: key) ? .none : .size(try decode(Int.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    /// Leaves an absent window out.
    mutating func encode(_ window: SlidingWindow, forKey key: Key) throws {
        switch window {
        case .absent: break
        case .none: try encodeNil(forKey: key)
        case .size(let size): try encode(size, forKey: key)
        }
    }
}
