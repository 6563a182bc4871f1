// esparse.json: how a sparse checkpoint was made, and the pattern of each linear.

public import ESparseCore
import FoundationEssentials

/// How a sparse checkpoint is stored.
public enum CheckpointStorage: String, Sendable, Codable, CaseIterable {
    /// Kept values and bitmasks; this package's runtime reads it.
    case packed
    /// Plain tensors with zeros; any Hugging Face loader reads it.
    case dense
}

/// Everything that decides a pruning run's output; a resumed run must have the same one.
public struct PruningRun: Codable, Sendable, Equatable {
    /// Version of the tool.
    public let toolVersion: String
    /// Name of the method, such as "e-sparse".
    public let method: String
    /// The N:M pattern.
    public let pattern: SparsityPattern
    /// How the output is stored.
    public let storage: CheckpointStorage
    /// All other settings by name.
    public let settings: [String: String]
    /// Digest of each input by its name (never a path, so that equal inputs give equal bytes).
    public let inputs: [String: String]

    /// Describes a run.
    public init(
        toolVersion: String, method: String, pattern: SparsityPattern, storage: CheckpointStorage,
        settings: [String: String], inputs: [String: String]
    ) {
        self.toolVersion = toolVersion
        self.method = method
        self.pattern = pattern
        self.storage = storage
        self.settings = settings
        self.inputs = inputs
    }

    /// What differs from another run, one phrase each; empty when they are equal.
    package func differences(from other: PruningRun) -> [String] {
        func fields(_ run: PruningRun) -> [String: String] {
            var fields = [
                "tool version": run.toolVersion, "method": run.method, "pattern": run.pattern.description,
                "format": run.storage.rawValue,
            ]
            fields.merge(run.settings.map { ($0.key, $0.value) }) { $1 }
            fields.merge(run.inputs.map { ("input \($0.key)", $0.value) }) { $1 }
            return fields
        }
        let (mine, theirs) = (fields(self), fields(other))
        return Set(mine.keys).union(theirs.keys).sorted().compactMap { key in
            mine[key] == theirs[key] ? nil : "\(key) was \(theirs[key] ?? "absent") and is \(mine[key] ?? "absent")"
        }
    }
}

/// What pruning did to one linear layer.
public struct PrunedLinear: Codable, Sendable, Equatable {
    /// Logical name of the weight, `X.weight`.
    public let name: String
    /// Output channels.
    public let rows: Int
    /// Input channels.
    public let columns: Int
    /// The N:M pattern.
    public let pattern: SparsityPattern
    /// Stored weights that are not zero, as a fraction of all.
    public let density: Double
    /// Whether the columns are in a permuted order.
    public let permuted: Bool
    /// Saliency of the kept weights as a fraction of all, or nil where the method has none.
    public let retainedSaliency: Double?
    /// Further figures of the method by name.
    public let statistics: [String: Double]

    /// Describes a pruned linear.
    public init(
        name: String, rows: Int, columns: Int, pattern: SparsityPattern, density: Double, permuted: Bool,
        retainedSaliency: Double?, statistics: [String: Double] = [:]
    ) {
        self.name = name
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.density = density
        self.permuted = permuted
        self.retainedSaliency = retainedSaliency
        self.statistics = statistics
    }
}

/// The contents of `esparse.json`.
public struct SparseManifest: Codable, Sendable, Equatable {
    /// Version of this file's layout; 1 is the only one.
    public let formatVersion: Int
    /// How the checkpoint was made.
    public let run: PruningRun
    /// Every pruned linear, in the model's order.
    public let linears: [PrunedLinear]
    /// How the checkpoint was fitted into a budget; nil where none was asked for.
    public let budget: BudgetRecord?

    /// Name of the file in the checkpoint's folder.
    public static let fileName = "esparse.json"

    /// The manifest of the same checkpoint stored in another way.
    package func stored(_ storage: CheckpointStorage) -> SparseManifest {
        let run = PruningRun(
            toolVersion: run.toolVersion, method: run.method, pattern: run.pattern, storage: storage,
            settings: run.settings, inputs: run.inputs)
        return SparseManifest(run: run, linears: linears, budget: budget)
    }

    /// Makes a manifest of the current layout.
    public init(run: PruningRun, linears: [PrunedLinear], budget: BudgetRecord? = nil) {
        formatVersion = 1
        self.run = run
        self.linears = linears
        self.budget = budget
    }

    /// Reads and checks `esparse.json`.
    ///
    /// - Throws: `FormatError` when it is malformed or of a later layout.
    package init(json: [UInt8], path: String) throws(FormatError) {
        self = try ManifestCoding.decode(SparseManifest.self, from: json, path: path)
        guard formatVersion == 1 else {
            throw .unsupported(
                path: path, found: "layout \(formatVersion) of the manifest", supported: "layout 1 is")
        }
    }

    /// UTF-8 JSON with sorted keys: equal manifests give equal bytes.
    package func json() throws -> [UInt8] { try ManifestCoding.encode(self) }
}

/// JSON of the manifest and the files beside it: sorted keys, strict reading.
enum ManifestCoding {
    static func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, from json: [UInt8], path: String
    ) throws(FormatError) -> Value {
        do {
            // Refuses repeated keys and deep nesting, which the decoder accepts.
            _ = try JSONParser.parse(json, path: path)
            return try JSONDecoder().decode(type, from: Data(json))
        } catch let error as FormatError {
            throw error
        } catch let error as DecodingError {
            throw ManifestCoding.formatError(error, path: path)
        } catch {
            throw .invalidJSON(path: path, offset: 0, reason: "\(error)")
        }
    }

    private static func formatError(_ error: DecodingError, path: String) -> FormatError {
        func name(_ context: DecodingError.Context, _ last: (any CodingKey)? = nil) -> String {
            let keys = context.codingPath + (last.map { [$0] } ?? [])
            return keys.map { key in key.intValue.map { String($0) } ?? key.stringValue }.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return .invalidField(path: path, field: name(context, key), reason: "is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return .invalidField(path: path, field: name(context), reason: "has the wrong type")
        case .dataCorrupted(let context):
            return .invalidField(path: path, field: name(context), reason: "is malformed: \(context.debugDescription)")
        @unknown default:
            return .invalidField(path: path, field: "", reason: "is malformed")
        }
    }
}
