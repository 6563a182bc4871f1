// `esparse benchmark model`: how fast a whole model reads and writes, and in how much memory, dense against packed.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseMeasurement
import ESparseModels
import ESparseReport
import ESparseRuntime
import FoundationEssentials

struct BenchmarkModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Measure a whole model, dense against packed.",
        discussion: """
            Random prompts; greedy decoding. Each run is a process of its own, so that its peak memory is true, and the two \
            variants take turns. The dense side of a packed MODEL is the same model with its zeros written out, in a \
            temporary folder, or the one given with --dense. The packed side of a dense MODEL is made by magnitude pruning \
            with --pattern, in a temporary folder: its text is poor, its speed is that of any mask.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOption
    @OptionGroup var profile: ProfileOption

    @Option(help: ArgumentHelp("The dense checkpoint to compare a packed MODEL with.", valueName: "model"))
    var dense: String?

    @Option(help: ArgumentHelp("Pattern of the packed side of a dense MODEL; 2:4 where not given.", valueName: "n:m"))
    var pattern: SparsityPattern?

    @Option(help: ArgumentHelp("Tokens of each prompt.", valueName: "n"))
    var promptTokens: Int = 512

    @Option(help: ArgumentHelp("Tokens to draw for each sequence.", valueName: "n"))
    var generateTokens: Int = 128

    @Option(help: ArgumentHelp("Sequences side by side, separated by commas.", valueName: "list"))
    var batch: NumberList = NumberList([1, 8])

    @Option(help: ArgumentHelp("Runs of each variant; figures are medians.", valueName: "n"))
    var rounds: Int = 3

    @OptionGroup var json: JSONOption

    func validate() throws {
        guard (1...1_000_000).contains(promptTokens) else {
            throw ValidationError("--prompt-tokens must be from 1 to 1000000")
        }
        guard (2...1_000_000).contains(generateTokens) else {
            throw ValidationError("--generate-tokens must be from 2 to 1000000")
        }
        guard (1...1000).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 1000") }
        guard batch.values.allSatisfy({ $0 <= 1024 }) else { throw ValidationError("--batch must be at most 1024") }
    }

    func run() throws {
        let progress = TerminalProgress()
        try self.device.check(precision: model.requestedPrecision, threads: model.threads, profile: profile.source)
        // Opened for its notes about kernels, which the runs do not repeat, and so that a wrong profile ends the command now.
        let checkpoint = try Checkpoint.open(model.location(progress))
        try openDevice(checkpoint, note: progress.note)
        let memory = device.isLowMemory ? ["--low-vram"] : []
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let variants = try variants(of: checkpoint, in: temporary.path, progress)
        let report = try ModelBenchmark(
            variants: variants, workloads: batch.values.map(workload), rounds: rounds, threads: model.threads.count
        ).run(progress: progress) { path, workload in
            try ModelRun.inChild(
                path, workload,
                arguments: arguments + memory + [
                    "--device", "\(device.choice ?? .cpu)", "--kernel-profile", profile.choice.defaultValueDescription,
                ])
        }
        try json.write(encoding: report)
        print(report.text, terminator: "")
    }

    private func openDevice(_ checkpoint: Checkpoint, note: (String) -> Void) throws {
        _ = try device.open(
            precision: model.requestedPrecision, threads: model.threads, profile: profile.source,
            weightType: ModelArchitecture(checkpoint).weightType(in: checkpoint.weights), note: note)
    }

    private var arguments: [String] {
        (model.requestedPrecision.map { ["--precision", $0.rawValue] } ?? [])
            + ["--threads", "\(model.threads.count)"]
    }

    private func workload(batch: Int) -> ModelRun.Workload {
        ModelRun.Workload(promptTokens: promptTokens, generatedTokens: generateTokens, batch: batch)
    }

    private func variants(
        of checkpoint: Checkpoint, in folder: String, _ progress: TerminalProgress
    ) throws -> ModelBenchmark.Variants {
        try requireEffect(of: ["--dense": dense != nil], with: "a packed MODEL", checkpoint.manifest != nil)
        try requireEffect(of: ["--pattern": pattern != nil], with: "a dense MODEL", checkpoint.manifest == nil)
        return try .made(
            of: checkpoint, dense: dense.map { try ModelLocation.path(of: $0, progress: progress) },
            pattern: pattern ?? .twoOfFour, in: folder, arguments: arguments,
            progress: progress)
    }
}

/// One run of one variant, for `benchmark model`; prints its figures as JSON.
struct BenchmarkModelRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model-run", abstract: "One run for `benchmark model`.", shouldDisplay: false)

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOption
    @OptionGroup var profile: ProfileOption
    @Option var promptTokens: Int
    @Option var generateTokens: Int
    @Option var batch: Int

    func validate() throws {
        guard promptTokens > 0, generateTokens > 1, batch > 0 else { throw ValidationError("numbers must be positive") }
    }

    func run() throws {
        let checkpoint = try Checkpoint.open(model.path)
        let architecture = try ModelArchitecture(checkpoint)
        // `benchmark model` has shown the notes already.
        let device = try device.open(
            precision: model.requestedPrecision, threads: model.threads, profile: profile.source,
            weightType: architecture.weightType(in: checkpoint.weights), note: { _ in })
        try measure(architecture, checkpoint.weights, on: device.backend)
    }

    private func measure(
        _ architecture: ModelArchitecture, _ weights: any WeightSource, on backend: some RuntimeBackend
    ) throws {
        let run = try ModelRun(
            architecture: architecture, weights: weights, backend: backend,
            workload: ModelRun.Workload(promptTokens: promptTokens, generatedTokens: generateTokens, batch: batch))
        print(String(decoding: try JSONEncoder().encode(run), as: UTF8.self))
    }
}
