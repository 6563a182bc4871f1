// Opens what the user calls MODEL: a Hugging Face folder, one of our sparse checkpoints, or a GGUF file.

public import ESparseCore
public import FoundationEssentials

/// Where a checkpoint's tokenizer is.
public enum TokenizerLocation: Sendable {
    /// A folder with tokenizer.json, vocab.json and merges.txt, or tokenizer.model.
    case folder(String)
    /// The metadata of a GGUF file.
    case gguf(GGUFMetadata)
}

/// An opened checkpoint: everything is mapped and checked, no weight has been read.
public struct Checkpoint: Sendable {
    /// The kinds of checkpoint.
    public enum Kind: String, Sendable, Codable {
        /// A Hugging Face folder with safetensors.
        case safetensors
        /// A folder that `esparse prune` wrote.
        case sparse
        /// A llama.cpp file, or several parts of one.
        case gguf
    }

    /// The folder or file.
    public let path: String
    /// What it is.
    public let kind: Kind
    /// The bytes of config.json, or the same said from GGUF metadata; of a model of several parts, what it says of the text part.
    public let configuration: Data
    /// The weights under Hugging Face names.
    public let weights: any WeightSource
    /// What of the folder is not opened, in words, where it holds a model of several parts; its text part is.
    public let leftOut: String?
    /// Where the tokenizer is.
    public let tokenizer: TokenizerLocation
    /// How the checkpoint was pruned, or nil where it was not.
    public let manifest: SparseManifest?
    /// Size on disk of the weights.
    public let fileBytes: Int
    /// The GGUF file, or all parts where it has several; none for a folder.
    package let parts: [String]

    /// Whether the file's weights are quantised; they are expanded when they are read.
    package var isQuantised: Bool { (weights as? GGUFWeights)?.isQuantised ?? false }

    /// config.json of a checkpoint made from this one whose matrices are stored as `type`; nil keeps what it says.
    package func configuration(storing type: ElementType?) throws -> [UInt8] {
        let names: [ElementType: String] = [.float32: "float32", .float16: "float16", .bfloat16: "bfloat16"]
        guard let type, let name = names[type], var members = try JSONParser.parse(Array(configuration)).members else {
            return Array(configuration)
        }
        // transformers 5 writes "dtype", and prefers it to the older "torch_dtype" where both are there.
        let keys = ["dtype", "torch_dtype"].map { Array($0.utf8) }
        let places = members.indices.filter { keys.contains(members[$0].key) }
        for place in places { members[place] = JSONValue.Member(key: members[place].key, value: .text(name)) }
        if places.isEmpty { members.append(JSONValue.Member(key: keys[1], value: .text(name))) }
        return JSONValue.object(members).serialized(indented: true)
    }

    /// Opens a folder or a .gguf file; any part of one in several opens all.
    ///
    /// - Throws: `FormatError` or `FileError`, one sentence each.
    public static func open(_ path: String) throws -> Checkpoint {
        guard FileSystem.exists(path) else {
            throw FormatError.notACheckpoint(path: path, reason: "there is no such folder or file")
        }
        return FileSystem.isFolder(path) ? try folder(path) : try gguf(path)
    }

    private static func folder(_ given: String) throws -> Checkpoint {
        let path = given.count > 1 && given.hasSuffix("/") ? String(given.dropLast()) : given
        let configPath = path + "/config.json"
        guard FileSystem.exists(configPath) else {
            throw FormatError.notACheckpoint(path: path, reason: "the folder has no config.json")
        }
        let config = try FileSystem.read(configPath)
        let settings = try JSONParser.parse(config, path: configPath)
        guard settings.members != nil else {
            throw FormatError.invalidJSON(path: configPath, offset: 0, reason: "an object must be here")
        }
        let manifestPath = path + "/" + SparseManifest.fileName
        var manifest: SparseManifest?
        if FileSystem.exists(manifestPath) {
            manifest = try SparseManifest(json: FileSystem.read(manifestPath), path: manifestPath)
        }
        var patterns: [String: SparsityPattern] = [:]
        for linear in manifest?.linears ?? [] {
            guard patterns.updateValue(linear.pattern, forKey: CanonicalName.of(linear.name)) == nil else {
                let reason = "describes \(linear.name) more than once"
                throw FormatError.invalidField(path: manifestPath, field: "linears", reason: reason)
            }
        }
        let weights = try FolderWeights(folder: path, patterns: patterns)
        for linear in manifest?.linears ?? [] where weights.shape(of: linear.name) != [linear.rows, linear.columns] {
            let reason = "describes \(linear.name) as [\(linear.rows), \(linear.columns)], which the weights are not"
            throw FormatError.invalidField(path: manifestPath, field: "linears", reason: reason)
        }
        let text = TextPart(of: settings, weights: weights)
        return Checkpoint(
            path: path, kind: manifest == nil ? .safetensors : .sparse,
            configuration: text?.configuration ?? Data(config), weights: text?.weights ?? weights,
            leftOut: text?.leftOut, tokenizer: .folder(path), manifest: manifest, fileBytes: weights.byteCount,
            parts: [])
    }

    private static func gguf(_ path: String) throws -> Checkpoint {
        let files = try GGUFFiles(path: path)
        return Checkpoint(
            path: path, kind: .gguf,
            configuration: try GGUFConfiguration(metadata: files.metadata).json(files: files),
            weights: try GGUFWeights(files: files), leftOut: nil, tokenizer: .gguf(files.metadata), manifest: nil,
            fileBytes: files.byteCount, parts: files.files.map(\.path))
    }
}
