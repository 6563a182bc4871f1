// Options that several commands share.

public import ArgumentParser
import ESparseCPU
public import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseReport
import ESparseRuntime
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
    /// Reads "auto", "rules" or the name of a file.
    public init?(argument: String) {
        switch argument {
        case "": return nil
        case "auto": self = .automatic
        case "rules": self = .rules
        default: self = .file(argument)
        }
    }

    /// As on the command line.
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
            "Kernels as `esparse tune` measured them here, as built-in rules say, or as a profile says; auto where not given.",
            valueName: "auto|rules|file"))
    var source: ProfileSource?

    /// The source; automatic where none was given.
    var choice: ProfileSource { source ?? .automatic }
}

/// Which model to run, and how.
struct ModelOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A Hugging Face folder, a folder of esparse prune, a .gguf file, or org/name[@revision] on the hub.",
            valueName: "model"))
    var path: String

    @Option(name: .customLong("precision"), help: Precision.help)
    var requestedPrecision: Precision?

    @OptionGroup var threads: ThreadOption

    /// How the processor computes.
    var precision: Precision { requestedPrecision ?? .preferred }

    /// The folder or file of the model; one of the hub is fetched where it is not in the cache.
    func location(_ progress: any ProgressReporter) throws -> String {
        try ModelLocation.path(of: path, progress: progress)
    }

    /// Opens the checkpoint and its tokenizer; reads no weights. The user is told what of the model is left out.
    func open(_ progress: TerminalProgress) throws -> OpenedModel {
        let opened = try OpenedModel(path: location(progress))
        if let leftOut = opened.checkpoint.leftOut {
            progress.note("Note: \(path) is opened as text alone; left out: \(leftOut)")
        }
        return opened
    }
}

/// Where a command's result goes as JSON.
struct JSONOption: ParsableArguments {
    @Option(name: .customLong("json"), help: ArgumentHelp("Write the result as JSON to this file.", valueName: "file"))
    var path: String?

    func validate() throws {
        if let path { try requireWritable(path, option: "--json") }
    }

    /// Writes the result if a file was given.
    func write(_ data: @autoclosure () throws -> Data) throws {
        guard let path else { return }
        try ResultFile.write(Array(data()), to: path)
    }

    /// Writes the result, indented and with sorted keys, if a file was given.
    func write(encoding result: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write(encoder.encode(result))
    }
}

/// Refuses a result's path that cannot be written, before the work and not after it.
func requireWritable(_ path: String, option: String) throws {
    if path.isEmpty || FileSystem.isFolder(path) { throw ValidationError("\(option) must name a file") }
    guard FileSystem.isFolder(FileSystem.parent(of: path)) else {
        throw ValidationError("\(option) \(path): there is no such folder")
    }
}

/// Refuses a path to make where there is no folder to make it in.
func requireFolder(of path: String, option: String) throws {
    guard !path.isEmpty, FileSystem.isFolder(FileSystem.parent(of: path)) else {
        throw ValidationError("\(option) \(path): there is no such folder to make it in")
    }
}

/// Refuses an output that is there already, before a model is fetched and not after it.
///
/// - Parameters:
///   - output: the file or folder to make.
///   - unfinished: what a stopped run leaves in its place; nil where this run goes on with it.
/// - Throws: `FormatError.outputExists`, `.unfinishedRun`.
func requireFree(_ output: String, unfinished: String? = nil) throws {
    if FileSystem.exists(output) { throw FormatError.outputExists(path: FileSystem.trimmed(output)) }
    if let unfinished, FileSystem.exists(unfinished) { throw FormatError.unfinishedRun(path: unfinished) }
}
