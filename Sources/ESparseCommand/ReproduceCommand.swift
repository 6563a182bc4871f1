// `esparse reproduce`: the paper's experiments on one model and machine, with a report.

public import ArgumentParser
import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseMeasurement
import ESparseReport
public import ESparseReproduction

extension ExperimentGroup: ExpressibleByArgument {}

struct ReproduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce",
        abstract: "Measure the paper's experiments on a model and write a report.",
        discussion: """
            Runs prune, evaluate, inspect and benchmark again and again, each as a process of its own, and writes \
            results.json, report.md and report.html, which needs nothing from outside. A run that was stopped or killed goes \
            on with --resume. The defaults are made for a small model on a small machine; for the field's settings give \
            --samples 128 --sequence-length 2048 --windows all.
            """)

    @OptionGroup var model: ModelOptions

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder of the results.", valueName: "directory"))
    var output: String

    @Flag(help: "Go on with the run in the folder, or start one where there is none.")
    var resume = false

    @Option(help: ArgumentHelp("Calibration text as for prune, or self.", valueName: "file|self"))
    var calibration: String = "self"

    @Option(help: ArgumentHelp("Text to predict, as for evaluate.", valueName: "file"))
    var text: String?

    @Option(help: ArgumentHelp("Zero-shot tasks as for evaluate; may be repeated.", valueName: "tasks"))
    var tasks: [String] = []

    @Option(help: ArgumentHelp("Items of each task, from the first; all where not given.", valueName: "n"))
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "What to measure, separated by commas: \(ExperimentGroup.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "list"))
    var sections: GroupList = GroupList(ExperimentGroup.allCases)

    @OptionGroup(title: "Main table") var main: MainTableOptions
    @OptionGroup(title: "Ablation and sensitivity") var ablation: AblationOptions
    @OptionGroup(title: "Speed") var speed: SpeedOptions

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output must name a folder") }
        try requireFolder(of: output, option: "--output")
        guard limit.map({ $0 > 0 }) ?? true else { throw ValidationError("--limit must be at least 1") }
        if limit != nil, tasks.isEmpty { throw ValidationError("--limit goes with --tasks") }
    }

    func run() throws {
        let progress = TerminalProgress()
        do {
            var settings = settings(model: model.path)
            // Before the model is fetched.
            try ReproductionRun.check(settings, resume: resume)
            settings.model = try model.location(progress)
            let results = try ReproductionRun(settings, resume: resume, progress: progress).run()
            print("\(FileSystem.trimmed(output))/report.html: \(results.summary)")
        } catch let error as InterruptedError {
            progress.note("Interrupted; go on with the same command and --resume")
            throw error
        }
    }

    private func settings(model path: String) -> ReproductionSettings {
        ReproductionSettings(
            model: path, output: output, calibration: calibration, text: text, tasks: tasks, limit: limit,
            samples: main.samples, sequenceLength: main.sequenceLength, windows: main.windows.count,
            ablationSamples: ablation.ablationSamples, ablationSequenceLength: ablation.ablationSequenceLength,
            ablationWindows: ablation.ablationWindows, shapes: speed.shapes, tokens: speed.tokens.values,
            seconds: speed.seconds, promptTokens: speed.promptTokens, generateTokens: speed.generateTokens,
            batch: speed.batch.values, rounds: speed.rounds, precision: model.precision.rawValue,
            threads: model.threads.count, groups: Set(sections.values))
    }
}

struct MainTableOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Calibration sequences.", valueName: "n"))
    var samples: Int = 8

    @Option(help: ArgumentHelp("Tokens of a calibration sequence and of a window.", valueName: "n"))
    var sequenceLength: Int = 1024

    @Option(help: ArgumentHelp("Windows of the text, or all.", valueName: "n|all"))
    var windows: WindowLimit = WindowLimit(count: 16)

    func validate() throws {
        guard (1...500_000).contains(samples) else { throw ValidationError("--samples must be from 1 to 500000") }
        guard (2...1_000_000).contains(sequenceLength) else {
            throw ValidationError("--sequence-length must be from 2 to 1000000")
        }
    }
}

struct AblationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Calibration sequences.", valueName: "n"))
    var ablationSamples: Int = 8

    @Option(help: ArgumentHelp("Tokens of a sequence; windows are twice as long.", valueName: "n"))
    var ablationSequenceLength: Int = 512

    @Option(help: ArgumentHelp("Windows of the text.", valueName: "n"))
    var ablationWindows: Int = 8

    func validate() throws {
        guard (1...500_000).contains(ablationSamples) else {
            throw ValidationError("--ablation-samples must be from 1 to 500000")
        }
        guard (2...500_000).contains(ablationSequenceLength) else {
            throw ValidationError("--ablation-sequence-length must be from 2 to 500000")
        }
        guard ablationWindows > 0 else { throw ValidationError("--ablation-windows must be at least 1") }
    }
}

struct SpeedOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Models' names or ROWSxCOLUMNS, as for benchmark gemm.", valueName: "list"))
    var shapes: String = "llama-7b"

    @Option(help: ArgumentHelp("Numbers of tokens, as for benchmark gemm.", valueName: "list"))
    var tokens: NumberList = NumberList([1, 8, 64, 512])

    @Option(help: ArgumentHelp("Seconds of measuring each point, as for benchmark gemm.", valueName: "s"))
    var seconds: Double = 0.3

    @Option(help: ArgumentHelp("Tokens of each prompt, as for benchmark model.", valueName: "n"))
    var promptTokens: Int = 512

    @Option(help: ArgumentHelp("Tokens to draw, as for benchmark model.", valueName: "n"))
    var generateTokens: Int = 128

    @Option(help: ArgumentHelp("Sequences side by side, as for benchmark model.", valueName: "list"))
    var batch: NumberList = NumberList([1, 8])

    @Option(help: ArgumentHelp("Runs of each variant, as for benchmark model.", valueName: "n"))
    var rounds: Int = 3

    func validate() throws {
        do {
            _ = try GemmShape.list(shapes)
        } catch {
            throw ValidationError("\(error)")
        }
        guard seconds > 0, seconds <= 3600 else {
            throw ValidationError("--seconds must be above 0 and at most 3600")
        }
        guard (1...1_000_000).contains(promptTokens) else {
            throw ValidationError("--prompt-tokens must be from 1 to 1000000")
        }
        guard (2...1_000_000).contains(generateTokens) else {
            throw ValidationError("--generate-tokens must be from 2 to 1000000")
        }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 1000") }
        guard batch.values.allSatisfy({ $0 <= 1024 }) else { throw ValidationError("--batch must be at most 1024") }
    }
}

/// The value of `--sections`.
struct GroupList: ExpressibleByArgument {
    let values: [ExperimentGroup]

    init(_ values: [ExperimentGroup]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { ExperimentGroup(rawValue: String($0)) }
        guard values.count == parts.count else { return nil }
        self.init(values)
    }

    var defaultValueDescription: String { values.map(\.rawValue).joined(separator: ",") }
}
