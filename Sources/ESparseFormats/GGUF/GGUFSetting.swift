// One setting of a model under its two names: in config.json and in GGUF metadata.

import ESparseCore

/// A number that config.json and an architecture's metadata both hold.
package struct GGUFSetting: Sendable {
    /// What values are sound.
    package enum Kind: Sendable {
        /// A whole number from 1 to a limit.
        case size(limit: Int)
        /// A whole number from 1, or 0 for none.
        case count
        /// A finite number.
        case number
        /// A finite number, or 0 for none.
        case optionalNumber
    }

    /// What is taken where the file does not say.
    package enum Fallback: Sendable {
        /// Nothing: the file is refused.
        case refused
        /// Nothing: config.json does not say either.
        case absent
        case integer(Int)
        case number(Double)
        /// The value of another setting of config.json.
        case setting(String)
        /// The quotient of two other settings of config.json, rounded down.
        case quotient(String, String)
    }

    /// Key of config.json.
    package let configurationKey: String
    /// Key of the metadata, without the architecture's name in front.
    package let metadataKey: String
    /// What values are sound.
    package let kind: Kind
    /// What is taken where the file does not say.
    package let fallback: Fallback

    /// A setting called `configurationKey` in config.json and `metadataKey` in the metadata.
    package init(_ configurationKey: String, _ metadataKey: String, _ kind: Kind, else fallback: Fallback = .absent) {
        self.configurationKey = configurationKey
        self.metadataKey = metadataKey
        self.kind = kind
        self.fallback = fallback
    }

    private static let sizeLimit = 1 << 31
    /// Far above any model, so that lists with an element a block stay small.
    private static let blockLimit = 1 << 12

    /// The settings of every architecture, with what is taken where the file does not say.
    package static func shared(contextLength: Int, epsilon: Double, rotaryBase: Double) -> [GGUFSetting] {
        let size = Kind.size(limit: sizeLimit)
        return [
            GGUFSetting("hidden_size", "embedding_length", size, else: .refused),
            GGUFSetting("num_hidden_layers", "block_count", .size(limit: blockLimit), else: .refused),
            GGUFSetting("intermediate_size", "feed_forward_length", size, else: .refused),
            GGUFSetting("num_attention_heads", "attention.head_count", size, else: .refused),
            GGUFSetting(
                "num_key_value_heads", "attention.head_count_kv", size, else: .setting("num_attention_heads")),
            GGUFSetting(
                "head_dim", "attention.key_length", size, else: .quotient("hidden_size", "num_attention_heads")),
            GGUFSetting("max_position_embeddings", "context_length", size, else: .integer(contextLength)),
            GGUFSetting("rms_norm_eps", "attention.layer_norm_rms_epsilon", .number, else: .number(epsilon)),
            GGUFSetting("rope_theta", "rope.freq_base", .number, else: .number(rotaryBase)),
        ]
    }

    /// The setting's value for config.json, or nil where it has none.
    ///
    /// - Parameters:
    ///   - metadata: the file's metadata.
    ///   - architecture: name of the architecture.
    ///   - earlier: settings that have been read, under their keys of config.json.
    /// - Throws: `FormatError.invalidField` where the value is missing, of another type or absurd.
    func value(
        in metadata: GGUFMetadata, architecture: String, earlier: [String: JSONValue]
    ) throws(FormatError) -> JSONValue? {
        let key = "\(architecture).\(metadataKey)"
        switch kind {
        case .size(let limit):
            guard let value = try metadata.integer(key) else { break }
            guard value > 0, value <= limit else {
                throw .invalidField(
                    path: metadata.path, field: key, reason: "is \(value), not a size a model can have")
            }
            return .integer(value)
        case .count:
            guard let value = try metadata.integer(key) else { break }
            guard value >= 0 else {
                throw .invalidField(path: metadata.path, field: key, reason: "is \(value), which is below 0")
            }
            return value == 0 ? nil : .integer(value)
        case .number, .optionalNumber:
            guard let value = try metadata.number(key) else { break }
            if case .optionalNumber = kind, value == 0 { return nil }
            return .number(Self.shortest(value))
        }
        guard case .refused = fallback else { return self.fallback(earlier: earlier) }
        throw .invalidField(path: metadata.path, field: key, reason: "is missing")
    }

    /// The setting's value of a config.json, for metadata, or nil where it has none.
    ///
    /// - Parameters:
    ///   - config: the settings of config.json.
    ///   - earlier: settings that have been read, under their keys of config.json.
    ///   - path: the checkpoint, for messages.
    /// - Throws: `FormatError.invalidField` where the value is missing.
    func value(in config: JSONValue, earlier: [String: JSONValue], path: String) throws(FormatError) -> JSONValue? {
        if let value = config[configurationKey], value.number != nil {
            // Metadata that wants a number has no place for a whole one.
            switch kind {
            case .number, .optionalNumber: return value.number.map { .number($0) }
            default: return value
            }
        }
        guard case .refused = fallback else { return fallback(earlier: earlier) }
        throw .invalidField(path: path + "/config.json", field: configurationKey, reason: "is missing")
    }

    /// What is taken where neither says.
    private func fallback(earlier: [String: JSONValue]) -> JSONValue? {
        switch fallback {
        case .refused, .absent: return nil
        case .integer(let value): return .integer(value)
        case .number(let value): return .number(value)
        case .setting(let other): return earlier[other]
        case .quotient(let dividend, let divisor):
            return .integer(max(1, (earlier[dividend]?.integer ?? 0) / max(1, earlier[divisor]?.integer ?? 1)))
        }
    }

    /// The double that is written like the single: 1e-05 rather than 9.99999974737875e-06.
    static func shortest(_ value: Double) -> Double {
        Double("\(Float(value))") ?? value
    }
}
