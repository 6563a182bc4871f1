// `esparse prune`: a checkpoint in, a sparse checkpoint out.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparsePruning
import ESparseReport
import ESparseRuntime
import FoundationEssentials

struct PruneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Prune a model to N:M sparsity.",
        discussion: """
            Calibrates block by block, scores the weights, shuffles channels, masks, and writes a checkpoint that every \
            other command loads. The output appears under its name only when it is complete; a run that was stopped or \
            killed goes on with --resume.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOption

    @Option(name: .shortAndLong, help: ArgumentHelp("Folder to write; must not exist.", valueName: "directory"))
    var output: String

    @OptionGroup(title: "Method") var method: MethodOptions
    @OptionGroup(title: "Calibration") var calibration: CalibrationOptions

    @Option(help: ArgumentHelp("Prune only linears whose weight's name fits; may be repeated.", valueName: "glob"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Leave linears dense whose weight's name fits; may be repeated.", valueName: "glob"))
    var exclude: [String] = []

    @Option(help: "How pruned linears are stored: kept values and a bitmask, or plain tensors with zeros.")
    var format: CheckpointStorage = .packed

    @Option(
        help: ArgumentHelp(
            "Leave as much dense as it takes for the perplexity of held-out text to rise by at most this many per cent.",
            valueName: "percent"))
    var budget: Percentage?

    @Flag(help: "With --budget: never take larger groups, such as 4:8 for 2:4, which cost no bytes.")
    var keepPattern = false

    @Flag(help: "Go on with a run that was stopped or killed.")
    var resume = false

    @Option(
        help: ArgumentHelp(
            "Also write every channel's statistics and place, and what each linear's outputs lost, as JSON.",
            valueName: "file"))
    var diagnostics: String?

    @OptionGroup var json: JSONOption

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output must name a folder") }
        try requireFolder(of: output, option: "--output")
        try calibration.validate(calibrates: method.calibrates)
        try requireEffect(of: ["--budget": budget != nil], with: "a method that calibrates", method.calibrates)
        if calibration.firstTokens ?? 0 > 0, method.skipPositions ?? 0 > 0 {
            throw ValidationError("--first-tokens adds what --skip-positions leaves out; give one of them")
        }
        try requireEffect(of: ["--keep-pattern": keepPattern], with: "--budget", budget != nil)
        try requireEffect(
            of: ["--diagnostics": diagnostics != nil], with: "a method that calibrates", method.calibrates)
        if let diagnostics {
            try requireWritable(diagnostics, option: "--diagnostics")
            if budget != nil { throw ValidationError("--diagnostics goes with a run of its own, without --budget") }
            if resume { throw ValidationError("--diagnostics needs a run from its start, without --resume") }
        }
    }

    func run() throws {
        let progress = TerminalProgress()
        // What needs no model is refused first: the model may have to be fetched.
        // With the run's folder beside it, the output may be this very run's, killed before it tidied up: the run finds out.
        if !resume || !FileSystem.isFolder(partial) { try requireFree(output, unfinished: partial) }
        try self.device.check(precision: model.requestedPrecision, threads: model.threads, profile: nil)
        let source = try calibration.source()
        let opened = try model.open(progress)
        let device = try device.open(
            precision: model.requestedPrecision, threads: model.threads, profile: nil, otherwise: .rules,
            weightType: opened.weightType, note: progress.note)
        try prune(opened, source, on: device.pruning, progress)
    }

    /// What a stopped run leaves.
    private var partial: String {
        FileSystem.trimmed(output) + (budget == nil ? OutputFile.temporarySuffix : ".budget")
    }

    private func prune(
        _ opened: OpenedModel, _ source: CalibrationSource, on backend: some RuntimeBackend & PruningBackend,
        _ progress: TerminalProgress
    ) throws {
        var settings = method.settings(precision: backend.precision)
        calibration.apply(to: &settings, addsFirstTokens: method.addsFirstTokens)
        settings.include = include
        settings.exclude = exclude
        settings.storage = format
        let times = PruningTimes()
        var sites: [SiteDiagnostics] = []
        let manifest = try interruptible(progress) {
            try prune(
                opened, source, on: backend, settings, times,
                diagnose: diagnostics == nil ? nil : { sites.append($0) }, progress)
        }
        let inspected = try Checkpoint.open(output)
        print(
            "\(output): \(manifest.linears.count) linears pruned \(manifest.run.pattern) by \(settings.method.name), "
                + "\(Quantity.bytes(inspected.fileBytes))")
        if let record = manifest.budget {
            print(record.sentence)
            if let options = record.equivalentOptions(pattern: manifest.run.pattern) {
                progress.note("Note: the same command without --budget, but with \(options), gives the same weights")
            }
        }
        if let diagnostics {
            let report = PruningDiagnostics(group: settings.pattern.group, sites: sites)
            try ResultFile.write(Array(JSONEncoder().encode(report)), to: diagnostics)
        }
        try json.write(encoding: PruningReport(manifest: manifest, times: times))
    }

    private func prune<B: RuntimeBackend & PruningBackend>(
        _ opened: OpenedModel, _ source: CalibrationSource, on backend: B, _ settings: PruningSettings,
        _ times: PruningTimes, diagnose: ((SiteDiagnostics) -> Void)?, _ progress: TerminalProgress
    ) throws -> SparseManifest {
        let threadCount = model.threads.count
        let text = CalibrationText(source, tokenizer: opened.tokenizer, separator: opened.endToken) {
            try opened.writeDocuments(
                tokenCount: $0, maximumLength: settings.sequenceLength, seed: $1, on: backend, progress: progress)
        }
        func calibrationSet() throws -> CalibrationSet {
            let set = try text.sequences(for: settings)
            if let path = calibration.saveCalibration { try ResultFile.write(set.littleEndianBytes, to: path) }
            return set
        }
        guard let budget else {
            let pruner = try Pruner(
                checkpoint: opened.checkpoint, architecture: opened.architecture, settings: settings,
                backend: backend, device: backend.pruningDevice, threadCount: threadCount, times: times,
                progress: progress)
            return try pruner.run(
                output: output, calibrationDigest: text.source.digest, files: opened.companionFiles, resume: resume,
                diagnose: diagnose, calibration: { try calibrationSet() })
        }
        let search = try BudgetSearch(
            checkpoint: opened.checkpoint, architecture: opened.architecture, settings: settings,
            percent: budget.value, keepsPattern: keepPattern, backend: backend, device: backend.pruningDevice,
            threadCount: threadCount, times: times, progress: progress)
        return try search.run(
            output: output, calibrationDigest: text.source.digest, files: opened.companionFiles, resume: resume,
            calibration: { try calibrationSet() },
            heldOut: { try text.heldOut(BudgetSearch<B>.heldOutCount, for: settings) })
    }

    /// Says how to go on after an interruption.
    private func interruptible<Result>(_ progress: TerminalProgress, _ work: () throws -> Result) throws -> Result {
        do {
            return try work()
        } catch let error as InterruptedError {
            progress.note(
                FileSystem.exists(partial)
                    ? "Interrupted; go on with the same command and --resume" : "Interrupted before anything was pruned"
            )
            throw error
        }
    }
}
