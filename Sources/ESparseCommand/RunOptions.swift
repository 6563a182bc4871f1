// Options that several commands share, and what they open.

public import ArgumentParser
public import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseMeasurement
import ESparseModels
import ESparseReport
import ESparseTokenizers
import FoundationEssentials

extension Precision: ExpressibleByArgument {
    /// The help of `--precision`.
    static let help: ArgumentHelp = """
        Arithmetic. Where not given: on a processor bf16 where it has that, else f32; on a GPU f16 for f16 weights, else \
        bf16.
        """
}

/// How many threads to compute on.
struct ThreadOption: ParsableArguments {
    @Option(name: .customLong("threads"), help: ArgumentHelp("Threads; results do not depend on it.", valueName: "n"))
    var count: Int = ProcessInfo.processInfo.activeProcessorCount

    func validate() throws {
        guard (1...1024).contains(count) else { throw ValidationError("--threads must be from 1 to 1024") }
    }
}

extension ProfileSource: ExpressibleByArgument {
    /// Reads "auto", "rules", or a file's name.
    public init?(argument: String) {
        switch argument {
        case "": return nil
        case "auto": self = .automatic
        case "rules": self = .rules
        default: self = .file(argument)
        }
    }

    /// What the help shows.
    public var defaultValueDescription: String {
        switch self {
        case .automatic: "auto"
        case .rules: "rules"
        case .file(let path): path
        }
    }
}

/// Who chooses kernels.
struct ProfileOption: ParsableArguments {
    @Option(
        name: .customLong("kernel-profile"),
        help: ArgumentHelp(
            "Kernels as `esparse tune` measured them here (auto, the default), as built-in rules say, or as a profile says.",
            valueName: "auto|rules|file"))
    var source: ProfileSource?

    /// The source, where none is given the automatic one.
    var choice: ProfileSource { source ?? .automatic }
}

/// Which model to run, and how.
struct ModelOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("A Hugging Face folder, a folder of esparse prune, or a .gguf file.", valueName: "model"))
    var path: String

    @Option(name: .customLong("precision"), help: Precision.help)
    var requestedPrecision: Precision?

    @OptionGroup var threads: ThreadOption

    /// How the processor computes.
    var precision: Precision { requestedPrecision ?? .preferred }

    /// Opens the checkpoint and its tokenizer; reads no weights.
    func open() throws -> OpenedModel {
        let checkpoint = try Checkpoint.open(path)
        return OpenedModel(
            checkpoint: checkpoint, architecture: try ModelArchitecture(checkpoint),
            tokenizer: try Tokenizer.load(checkpoint))
    }

    /// Opens the backend to run a model on; `profile` is `--kernel-profile` where it was given.
    ///
    /// - Throws: `ValidationError` when options contradict each other; the backend's error.
    func backend(
        weightType: ElementType?, device: DeviceOption, profile: ProfileSource?,
        otherwise: ProfileSource = .automatic, note: (String) -> Void
    ) throws -> any CommandBackend {
        try BackendOptions(
            device: device.choice(precision: requestedPrecision, profile: profile), isLowMemory: device.isLowMemory,
            precision: requestedPrecision, threads: threads, profile: profile ?? otherwise
        ).open(weightType: weightType, note: note)
    }
}

/// A checkpoint with everything but a backend that is needed to run it.
struct OpenedModel {
    let checkpoint: Checkpoint
    let architecture: ModelArchitecture
    let tokenizer: Tokenizer

    /// The token that separates documents.
    var endToken: Int32? { architecture.endTokens.first ?? tokenizer.endOfSequenceID }

    /// Element type of the first linear's weights.
    var weightType: ElementType? { architecture.weightType(in: checkpoint.weights) }

    /// Loads all weights.
    func load<B: Backend>(onto backend: B, progress: any ProgressReporter) throws -> LanguageModel<B> {
        try LanguageModel.load(
            architecture: architecture, weights: checkpoint.weights, backend: backend, progress: progress)
    }

    /// The files that a pruned checkpoint needs beside its weights, by name.
    var tokenizerFiles: [String: [UInt8]] {
        get throws {
            switch checkpoint.tokenizer {
            case .folder(let folder): try TokenizerFiles.read(from: folder)
            case .gguf:
                [
                    "tokenizer.json": Array(tokenizer.tokenizerJSON()),
                    "tokenizer_config.json": Array(tokenizer.tokenizerConfigJSON()),
                ]
            }
        }
    }
}

/// Where a command's result goes as JSON.
struct JSONOption: ParsableArguments {
    @Option(name: .customLong("json"), help: ArgumentHelp("Write the result as JSON to this file.", valueName: "file"))
    var path: String?

    func validate() throws {
        if let path { try requireWritable(path, option: "--json") }
    }

    /// Writes the result, where a file was asked for.
    func write(_ data: @autoclosure () throws -> Data) throws {
        guard let path else { return }
        try ResultFile.write(Array(data()), to: path)
    }

    /// Writes the result in a form to read, keys sorted, where a file was asked for.
    func write(encoding result: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(encoder.encode(result))
    }
}

/// Finds out before the work, and not after it, that a result could not be written.
func requireWritable(_ path: String, option: String) throws {
    if path.isEmpty || FileSystem.isFolder(path) { throw ValidationError("\(option) must name a file") }
    guard FileSystem.isFolder(FileSystem.parent(of: path)) else {
        throw ValidationError("\(option) \(path): there is no such folder")
    }
}
