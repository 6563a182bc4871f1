// Metadata of a GGUF file: typed values and accessors that refuse a value of another type.

/// A metadata value.
public enum GGUFValue: Sendable, Equatable {
    /// Any integer type; unsigned ones that do not fit 63 bits are refused when read.
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case string(String)
    case integers([Int])
    case numbers([Float])
    case bools([Bool])
    case strings([String])

    /// What the value is, in words.
    package var kind: String {
        switch self {
        case .integer: "an integer"
        case .number: "a number"
        case .bool: "a truth value"
        case .string: "a text"
        case .integers: "an array of integers"
        case .numbers: "an array of numbers"
        case .bools: "an array of truth values"
        case .strings: "an array of texts"
        }
    }
}

/// All metadata of a GGUF file.
///
/// The accessors return nil where the key is absent and throw where its value has another type.
public struct GGUFMetadata: Sendable, Equatable {
    /// Where the file is, for messages.
    public let path: String
    /// The values by key, such as `general.architecture`.
    public let values: [String: GGUFValue]

    /// Metadata with given values, as a test or another source may have them.
    public init(path: String, values: [String: GGUFValue]) {
        self.path = path
        self.values = values
    }

    private func get<Value>(_ key: String, _ needed: String, _ convert: (GGUFValue) -> Value?) throws(FormatError)
        -> Value?
    {
        guard let value = values[key] else { return nil }
        guard let converted = convert(value) else {
            throw .invalidField(path: path, field: key, reason: "is \(value.kind), but \(needed) is needed")
        }
        return converted
    }

    /// A text.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func string(_ key: String) throws(FormatError) -> String? {
        try get(key, "a text") { if case .string(let value) = $0 { value } else { nil } }
    }

    /// An integer.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func integer(_ key: String) throws(FormatError) -> Int? {
        try get(key, "an integer") { if case .integer(let value) = $0 { value } else { nil } }
    }

    /// A finite number; integers are converted.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func number(_ key: String) throws(FormatError) -> Double? {
        try get(key, "a finite number") {
            switch $0 {
            case .number(let value): value.isFinite ? value : nil
            case .integer(let value): Double(value)
            default: nil
            }
        }
    }

    /// A truth value.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func bool(_ key: String) throws(FormatError) -> Bool? {
        try get(key, "a truth value") { if case .bool(let value) = $0 { value } else { nil } }
    }

    /// An array of texts.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func strings(_ key: String) throws(FormatError) -> [String]? {
        try get(key, "an array of texts") { if case .strings(let value) = $0 { value } else { nil } }
    }

    /// An array of integers.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func integers(_ key: String) throws(FormatError) -> [Int]? {
        try get(key, "an array of integers") { if case .integers(let value) = $0 { value } else { nil } }
    }

    /// An array of numbers; integers are converted.
    ///
    /// - Throws: `FormatError.invalidField` where the value is of another kind.
    public func numbers(_ key: String) throws(FormatError) -> [Float]? {
        try get(key, "an array of numbers") {
            switch $0 {
            case .numbers(let values): values
            case .integers(let values): values.map { Float($0) }
            default: nil
            }
        }
    }
}
