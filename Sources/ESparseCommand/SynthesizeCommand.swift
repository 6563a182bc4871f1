// `esparse synthesize`: a checkpoint of random weights in a known model's shapes.

public import ArgumentParser
import ESparseCore
import ESparseFormats
public import ESparseModels
import ESparseReport
import ESparseTokenizers

extension KnownModel: ExpressibleByArgument {}

struct SynthesizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthesize",
        abstract: "Write a checkpoint with a known model's shapes and random weights.",
        discussion: """
            For measuring speed and memory where the real checkpoint is not at hand. Weights are bf16; the tokenizer has \
            one token a byte.
            """)

    @Argument(help: ArgumentHelp("Folder to write; must not exist.", valueName: "directory"))
    var output: String

    @Option(help: ArgumentHelp("The model whose shapes to take.", valueName: "name"))
    var like: KnownModel

    @Option(help: ArgumentHelp("Seed of the weights.", valueName: "n"))
    var seed: UInt64 = 0

    func run() throws {
        let configuration = try like.configuration()
        let architecture = try ModelArchitecture(configuration: configuration)
        // Ids below 3 are the special tokens of all these models.
        let tokenizer = try Tokenizer.bytes(reserved: 3)
        try SyntheticCheckpoint.write(
            architecture, configuration: configuration,
            files: [
                "tokenizer.json": Array(try tokenizer.tokenizerJSON()),
                "tokenizer_config.json": Array(tokenizer.tokenizerConfigJSON()),
            ], seed: seed, to: output, progress: TerminalProgress())
        print("\(output): \(architecture.parameterCount) random parameters in the shapes of \(like.rawValue)")
    }
}
