// `esparse evaluate`: perplexity of a model on a text.

import ArgumentParser
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseKernels
import ESparseModels
import ESparseReport
import ESparseTokenizers
import FoundationEssentials

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a model's perplexity on a text.",
        discussion: """
            The whole text is tokenized once and cut into consecutive windows; the tail is dropped. Perplexity is the \
            exponential of the mean over windows of each window's mean loss. It depends on the window's length, which is \
            printed beside it.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var json: JSONOption

    @Option(help: ArgumentHelp("Text to predict: .txt or .jsonl (field text), or either as .gz.", valueName: "file"))
    var text: String

    @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
    var sequenceLength: Int = 2048

    @Option(help: ArgumentHelp("Windows to run; all where not given.", valueName: "n"))
    var windows: Int?

    func validate() throws {
        guard (2...1_000_000).contains(sequenceLength) else {
            throw ValidationError("--sequence-length must be from 2 to 1000000")
        }
        guard windows.map({ $0 > 0 }) ?? true else { throw ValidationError("--windows must be at least 1") }
    }

    func run() throws {
        let progress = TerminalProgress()
        let opened = try model.open()
        let documents = try Signals.endingAtOnce { try TextFile.documents(text) }
        let tokens = opened.tokenizer.encode(documents.joined(separator: "\n\n"), addSpecialTokens: false)
        let language = try opened.load(progress: progress)
        let result = try Perplexity.measure(
            language, tokens: tokens, sequenceLength: sequenceLength, windowLimit: windows, progress: progress)
        print(
            """
            perplexity \(Quantity.fixed(result.perplexity, decimals: 4)) \
            (sequence length \(sequenceLength), \(result.windowCount) windows, \(result.tokenCount) tokens, \
            \(model.precision.rawValue))
            """)
        try json.write(
            result.json(
                task: URL(fileURLWithPath: text).deletingPathExtension().lastPathComponent,
                model: model.path, precision: model.precision.rawValue))
    }
}
