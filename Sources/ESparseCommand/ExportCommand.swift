// `esparse export`: a model as an ordinary dense checkpoint, for other tools.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseModels
import ESparseReport
import ESparseRuntime

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a model as an ordinary dense checkpoint, for other tools.",
        discussion: """
            Zeros are written out and shuffles that only this tool runs are undone, so the model is as large as before it was pruned, and computes the same. \
            A Hugging Face folder opens in transformers, a GGUF file in llama.cpp. The output appears under its name only when it \
            is complete.
            """)

    /// The kinds of output.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case safetensors, gguf
    }

    /// What matrices are written as.
    enum WeightType: String, ExpressibleByArgument, CaseIterable {
        case bf16, f16
        case q8Zero = "q8_0"
    }

    @Argument(
        help: ArgumentHelp(
            "A Hugging Face folder, a folder of esparse prune, a .gguf file, or org/name[@revision] on the hub.",
            valueName: "model"))
    var path: String

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Folder or .gguf file to write; must not exist.", valueName: "path"))
    var output: String

    @Option(help: "A Hugging Face folder, or a GGUF file.")
    var format: Format

    @Option(
        help: """
            Type of matrices; norms and biases stay in single precision or as they are. Where not given: as they are stored, but in \
            GGUF bf16 unless they are f16.
            """)
    var type: WeightType?

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output must name a folder or file") }
        try requireFolder(of: output, option: "--output")
        try requireEffect(of: ["--type q8_0": type == .q8Zero], with: "--format gguf", format == .gguf)
    }

    func run() throws {
        let progress = TerminalProgress()
        switch format {
        case .safetensors: try FolderOutput.requireFree(output)
        case .gguf: try requireFree(output)
        }
        let opened = try OpenedModel(path: ModelLocation.path(of: path, progress: progress))
        switch format {
        case .safetensors:
            let types: [WeightType: ElementType] = [.bf16: .bfloat16, .f16: .float16]
            try DenseFolder.write(
                opened.checkpoint, opened.architecture, type: type.flatMap { types[$0] },
                files: opened.companionFiles, to: output, progress: progress)
        case .gguf:
            let export = try GGUFExport(opened)
            for note in export.notes { progress.note("Note: \(note)") }
            try export.write(type: writtenType(opened), to: output, progress: progress)
        }
        let bytes = format == .gguf ? FileSystem.byteCount(of: output) : try Checkpoint.open(output).fileBytes
        print("\(output): \(opened.architecture.parameterCount) parameters, \(Quantity.bytes(bytes))")
    }

    private func writtenType(_ opened: OpenedModel) -> GGUFWrittenType {
        switch type {
        case .bf16: .bf16
        case .f16: .f16
        case .q8Zero: .q8Zero
        case nil: opened.weightType == .float16 ? .f16 : .bf16
        }
    }
}
