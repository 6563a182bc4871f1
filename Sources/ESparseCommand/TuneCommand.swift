// `esparse tune`: measure which kernels are fastest on this machine, for later runs.

import ArgumentParser
import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseMeasurement
import ESparseModels
import ESparseReport
import ESparseRuntime

struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Measure which kernels are fastest on this machine.",
        discussion: """
            Tries every kernel that can run each kind of sparse linear, for each class of token counts, and keeps the \
            choices in the user's cache folder. evaluate, generate and benchmark use them; prune does not, so that its \
            output does not depend on them.
            """)

    @Argument(help: ArgumentHelp("A model whose linears to tune for.", valueName: "model"))
    var path: String?

    @Option(help: ArgumentHelp("Models' names or ROWSxCOLUMNS, separated by commas.", valueName: "list"))
    var shapes: String?

    @Option(
        help: ArgumentHelp("Patterns N:M of shapes and of a dense MODEL; 2:4,4:8 where not given.", valueName: "list"))
    var pattern: PatternList?

    @OptionGroup var device: DeviceOption

    @Option(help: Precision.help)
    var precision: Precision?

    @Option(help: ArgumentHelp("Seconds of measuring each point, beyond a few rounds it needs.", valueName: "s"))
    var seconds: Double = 0.2

    @Option(help: ArgumentHelp("Write the profile here instead of to the cache folder.", valueName: "file"))
    var output: String?

    @OptionGroup var threads: ThreadOption
    @OptionGroup var json: JSONOption

    func validate() throws {
        guard (path == nil) != (shapes == nil) else { throw ValidationError("give either MODEL or --shapes") }
        guard seconds > 0, seconds <= 3600 else {
            throw ValidationError("--seconds must be above 0 and at most 3600")
        }
        if let output { try requireWritable(output, option: "--output") }
        if shapes != nil { _ = try targets(TerminalProgress()) }
    }

    private var patterns: [SparsityPattern] { pattern?.values ?? [.twoOfFour, .fourOfEight] }

    private func targets(_ progress: TerminalProgress) throws -> [TuningTarget] {
        if let path {
            let checkpoint = try Checkpoint.open(ModelLocation.path(of: path, progress: progress))
            let isPacked = checkpoint.manifest?.run.storage == .packed
            try requireEffect(of: ["--pattern": pattern != nil], with: "--shapes or a dense MODEL", !isPacked)
            return try TuningTarget.targets(
                of: ModelArchitecture(checkpoint), weights: checkpoint.weights,
                patterns: isPacked ? [] : patterns)
        }
        do {
            return try TuningTarget.targets(
                of: GemmShape.list(shapes ?? "", as: .storedLinears), patterns: patterns)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        let progress = TerminalProgress()
        try self.device.check(precision: precision, threads: threads, profile: .rules)
        let targets = try targets(progress)
        let device = try device.open(
            precision: precision, threads: threads, profile: .rules, weightType: targets.first?.elementType,
            note: progress.note)
        try tune(targets, on: device.measured, progress)
    }

    private func tune(
        _ targets: [TuningTarget], on backend: some MeasuredBackend, _ progress: TerminalProgress
    ) throws {
        let profile = backend.profileFile
        guard let file = output ?? profile.cachePath() else { throw NoCacheFolder() }
        let report = try KernelTuner(backend: backend, secondsPerPoint: seconds, threadCount: threads.count)
            .run(targets, progress: progress)
        // Shown before the profile is written, which may fail.
        print(report.text, terminator: "")
        try json.write(encoding: report)
        if let note = try profile.update(file, { try report.merge(into: &$0) }) { progress.note("Note: \(note)") }
        print("\(file): \(report.kindCount) kinds of linear, measured \(backend.circumstance)")
    }
}

/// There is no folder for the profile.
private struct NoCacheFolder: Error, CustomStringConvertible {
    var description: String { "neither XDG_CACHE_HOME nor HOME names a folder for the profile; give --output FILE" }
}
