// Reading config.json: decoding errors become sentences, and every size is checked before it is used.

package import ESparseCore
package import FoundationEssentials

/// Decodes settings and checks their ranges.
package enum Settings {
    /// The largest sizes accepted: far above any model, and small enough that no product of two overflows.
    package enum Limit {
        /// Tokens of the vocabulary.
        package static let vocabulary = 1 << 24
        /// Channels of any layer.
        package static let channels = 1 << 22
        /// Decoder blocks.
        package static let blocks = 1 << 12
        /// Heads of an attention, and channels of a head.
        package static let heads = 1 << 16
        /// Positions of a sequence.
        package static let positions = 1 << 28
    }

    /// Decodes a JSON object.
    ///
    /// - Throws: `ModelError` naming the setting that is missing or of the wrong type.
    package static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw ModelError.missingSetting(key.stringValue)
        } catch DecodingError.valueNotFound(_, let context) where !context.codingPath.isEmpty {
            throw ModelError.missingSetting(path(context))
        } catch DecodingError.typeMismatch(let wanted, let context) where !context.codingPath.isEmpty {
            throw ModelError.invalidSetting(path(context), value: "of another type", requirement: words(for: wanted))
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw ModelError.invalidSetting(
                path(context), value: "not a usable value", requirement: "a value in range of its type")
        } catch DecodingError.dataCorrupted(let context) {
            throw ModelError.unreadableConfiguration(reason: context.debugDescription)
        } catch is DecodingError {
            throw ModelError.unreadableConfiguration(reason: "it is not a JSON object")
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.map(\.stringValue).joined(separator: ".")
    }

    private static func words(for type: any Any.Type) -> String {
        switch type {
        case is Int.Type, is Int32.Type: "an integer"
        case is Double.Type, is Float.Type: "a number"
        case is Bool.Type: "true or false"
        case is String.Type: "a text"
        case is [String: Any].Type: "an object"
        default: "of the type that this setting has"
        }
    }

    /// Checks that a size is in `1...limit`.
    ///
    /// - Throws: `ModelError.invalidSetting`.
    package static func size(_ value: Int, _ key: String, limit: Int) throws -> Int {
        guard value >= 1, value <= limit else {
            throw ModelError.invalidSetting(key, value: "\(value)", requirement: "between 1 and \(limit)")
        }
        return value
    }

    /// Checks that one size is a multiple of another.
    ///
    /// - Throws: `ModelError.invalidSetting`.
    package static func multiple(_ value: Int, _ key: String, of divisor: Int, _ divisorKey: String) throws {
        guard value % divisor == 0 else {
            throw ModelError.invalidSetting(
                key, value: "\(value)", requirement: "a multiple of \"\(divisorKey)\" (\(divisor))")
        }
    }

    /// Checks that a number is at least `least` and finite in single precision.
    ///
    /// - Throws: `ModelError.invalidSetting`.
    package static func number(_ value: Double, _ key: String, atLeast least: Float) throws -> Float {
        let single = Float(value)
        guard single.isFinite, single >= least else {
            throw ModelError.invalidSetting(key, value: "\(value)", requirement: "a finite number, at least \(least)")
        }
        return single
    }

    /// Checks that a norm's epsilon is a small number that single precision can hold.
    ///
    /// - Throws: `ModelError.invalidSetting`.
    package static func epsilon(_ value: Double, _ key: String) throws -> Float {
        guard value >= 0, value < 1 else {
            throw ModelError.invalidSetting(key, value: "\(value)", requirement: "at least 0 and below 1")
        }
        return Float(value)
    }

    /// The activation function that config.json calls `name`.
    ///
    /// - Throws: `ModelError.unsupportedSetting`.
    package static func activationFunction(_ name: String, _ key: String) throws -> ActivationFunction {
        switch name {
        case "silu", "swish": return .silu
        case "relu": return .relu
        case "gelu": return .gelu
        case "gelu_new", "gelu_pytorch_tanh": return .geluTanh
        default:
            throw ModelError.unsupportedSetting(
                key, value: "\"\(name.prefix(80))\"",
                supported: "silu, swish, relu, gelu, gelu_new, gelu_pytorch_tanh")
        }
    }
}
