// Options that several commands share, and what they open.

public import ArgumentParser
import ESparseCore
import ESparseFormats
public import ESparseKernels
import ESparseMeasurement
import ESparseModels
import ESparseReport
import ESparseTokenizers
import FoundationEssentials

extension Precision: ExpressibleByArgument {}

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

extension CPUBackend {
    /// A command's backend; says on stderr where kernels are held back or a profile is not used.
    static func make(
        precision: Precision, threads: ThreadOption, profile: ProfileSource, progress: TerminalProgress
    ) throws -> CPUBackend {
        let loaded = try KernelProfileFile.load(profile)
        let backend = try CPUBackend(precision: precision, threadCount: threads.count, profile: loaded.profile)
        for note in [backend.instructionSet.limitation, loaded.note].compactMap({ $0 }) {
            progress.note("Note: \(note)")
        }
        return backend
    }
}

/// Which model to run, and how.
struct ModelOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("A Hugging Face folder or a .gguf file.", valueName: "model"))
    var path: String

    @Option(help: "Arithmetic; the default is bf16 where the processor has it.")
    var precision: Precision = .preferred

    @OptionGroup var threads: ThreadOption

    /// Opens the checkpoint and its tokenizer; reads no weights.
    func open(profile: ProfileSource, progress: TerminalProgress) throws -> OpenedModel {
        let checkpoint = try Checkpoint.open(path)
        return OpenedModel(
            checkpoint: checkpoint, architecture: try ModelArchitecture(checkpoint),
            tokenizer: try Tokenizer.load(checkpoint),
            backend: try CPUBackend.make(
                precision: precision, threads: threads, profile: profile, progress: progress))
    }
}

/// A checkpoint with everything that is needed to run it.
struct OpenedModel {
    let checkpoint: Checkpoint
    let architecture: ModelArchitecture
    let tokenizer: Tokenizer
    let backend: CPUBackend

    /// The token that separates documents.
    var endToken: Int32? { architecture.endTokens.first ?? tokenizer.endOfSequenceID }

    /// Loads all weights.
    func load(progress: any ProgressReporter) throws -> LanguageModel<CPUBackend> {
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
