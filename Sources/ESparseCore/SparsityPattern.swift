// The N:M pattern: how many weights of each group of consecutive input channels are kept.

/// At most `kept` nonzero weights in every `group` consecutive input channels of a row.
public struct SparsityPattern: Sendable, Hashable, Codable, CustomStringConvertible {
    /// N: weights kept in each group.
    public let kept: Int
    /// M: consecutive input channels in a group, at most 32.
    public let group: Int

    /// Makes a pattern, or returns nil unless `0 < kept < group <= 32`.
    public init?(kept: Int, group: Int) {
        guard kept > 0, kept < group, group <= 32 else { return nil }
        self.kept = kept
        self.group = group
    }

    /// Reads the form "2:4", or returns nil.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let kept = Int(parts[0]), let group = Int(parts[1]) else { return nil }
        self.init(kept: kept, group: group)
    }

    /// The form "2:4".
    public var description: String { "\(kept):\(group)" }

    /// Decodes the form "2:4".
    ///
    /// - Throws: `DecodingError` for anything else.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let pattern = SparsityPattern(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a pattern N:M with 0 < N < M <= 32")
        }
        self = pattern
    }

    /// Encodes the form "2:4".
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// 2:4, the pattern of NVIDIA's sparse tensor cores.
    public static let twoOfFour = SparsityPattern(uncheckedKept: 2, group: 4)
    /// 4:8, freer than 2:4 at the same density.
    public static let fourOfEight = SparsityPattern(uncheckedKept: 4, group: 8)

    private init(uncheckedKept kept: Int, group: Int) {
        self.kept = kept
        self.group = group
    }
}
