// Runs every experiment of a plan, each command as a process of its own, and rewrites the report after each.

import ESparseCPU
public import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseMeasurement
import ESparseModels
import ESparseReport
import FoundationEssentials

/// A reproduction of the paper's experiments.
///
/// A finished experiment is durable, and so is each finished command of the one in progress; a stopped `prune` goes on inside.
public struct ReproductionRun {
    /// Runs `esparse` with some arguments and waits for it.
    package typealias Command = (_ arguments: [String]) throws -> Void

    private let settings: ReproductionSettings
    private let plan: ReproductionPlan
    private let folder: ReproductionFolder
    private let context: ReportContext
    private let progress: any ProgressReporter
    private let command: Command

    /// Checks the inputs, and makes the folder or opens that of a stopped run.
    ///
    /// - Throws: `ReproductionError`; the format's error for a model that cannot be read; `FileError`.
    public init(_ settings: ReproductionSettings, resume: Bool, progress: any ProgressReporter) throws {
        try self.init(settings, resume: resume, progress: progress) { _ = try ChildProcess.run($0) }
    }

    /// The same with another way to run the command, which tests need.
    ///
    /// - Throws: as above.
    package init(
        _ settings: ReproductionSettings, resume: Bool, progress: any ProgressReporter, command: @escaping Command
    ) throws {
        var settings = settings
        settings.output = FileSystem.trimmed(settings.output)
        try Self.check(settings, resume: resume)
        let checkpoint = try Checkpoint.open(settings.model)
        let architecture = try ModelArchitecture(checkpoint)
        let tasks = try settings.tasks.flatMap(TaskSource.parse)
        var description = settings.named
        description["tool version"] = toolVersion
        description["processor"] = Processor.name
        description["model"] = try InputDigest.of(checkpoint)
        description["calibration"] =
            settings.calibration == "self" ? "self" : try InputDigest.of(FileSystem.read(settings.calibration))
        description["text"] = try settings.text.map { InputDigest.of(try FileSystem.read($0)) }
        for source in tasks {
            description["task \(source.task.name)"] = InputDigest.of(try FileSystem.read(source.path))
        }
        self.settings = settings
        self.progress = progress
        self.command = command
        plan = ReproductionPlan(settings, taskCount: tasks.count)
        folder = try ReproductionFolder(settings.output, description: description, resume: resume)
        context = ReportContext(
            modelName: Checkpoint.name(of: settings.model), modelType: architecture.modelType,
            parameterCount: architecture.parameterCount, blockCount: architecture.blockCount, settings: settings,
            taskNames: tasks.map(\.task.name), processor: Processor.name, toolVersion: toolVersion)
    }

    /// Checks what can be checked without the model, which may have to be fetched.
    ///
    /// - Throws: `ReproductionError`; `EvaluationError` for a list of tasks; `FileError` for an input that cannot be read.
    public static func check(_ settings: ReproductionSettings, resume: Bool) throws {
        let groups: Set<ExperimentGroup> = [.main, .ablation, .sensitivity]
        guard settings.text != nil || settings.groups.isDisjoint(with: groups) else { throw ReproductionError.noText }
        let output = FileSystem.trimmed(settings.output)
        guard resume || !FileSystem.exists(output) else { throw ReproductionError.exists(path: output) }
        let tasks = try settings.tasks.flatMap(TaskSource.parse).map(\.path)
        let calibration = settings.calibration == "self" ? nil : settings.calibration
        for path in tasks + [calibration, settings.text].compactMap({ $0 }) { _ = try ByteStorage(mapping: path) }
    }

    /// Runs what is not recorded yet, and writes the report.
    ///
    /// - Returns: the results.
    /// - Throws: the error of the command that failed; `InterruptedError`; `FileError`.
    public func run() throws -> ReproductionResults {
        var records = try plan.experiments.compactMap { try folder.record($0.id) }
        let there = Set(records.map(\.id))
        // A run killed just after it wrote a record left its working folder behind.
        for id in there { try folder.removeTree(folder.workPath(id)) }
        if !records.isEmpty {
            progress.note("\(records.count) of \(plan.experiments.count) experiments are there already")
        }
        var remaining = plan.experiments.enumerated().filter { !there.contains($0.element.id) }[...]
        var estimate = TimeEstimate()
        for experiment in plan.experiments {
            guard let record = records.first(where: { $0.id == experiment.id }),
                !record.steps.contains(where: \.isResumed)
            else { continue }
            estimate.learn(experiment.work, elapsed: record.steps.reduce(0) { $0 + $1.seconds })
        }
        try write(records)
        while let (index, experiment) = remaining.first {
            let left = estimate.phrase(for: remaining.map(\.element.work))
            progress.note("experiment \(index + 1) of \(plan.experiments.count): \(experiment.title)\(left)")
            let record = try run(experiment)
            try folder.finish(record)
            records.append(record)
            estimate.learn(experiment.work, elapsed: record.steps.reduce(0) { $0 + $1.seconds })
            remaining.removeFirst()
            try write(records)
        }
        return try results(records)
    }

    // MARK: one experiment

    private func run(_ experiment: Experiment) throws -> ExperimentRecord {
        try folder.prepare(experiment.id)
        var steps: [StepRecord] = []
        for (index, step) in experiment.steps.enumerated() {
            if let finished = try folder.step(experiment.id, index), finished.arguments == step.arguments {
                steps.append(finished)
                continue
            }
            try Interruption.check()
            let record = try run(step, resultPath: folder.workPath(experiment.id) + "/result.json")
            try folder.finish(record, of: experiment.id, index)
            steps.append(record)
        }
        return ExperimentRecord(id: experiment.id, title: experiment.title, steps: steps)
    }

    private func run(_ step: ExperimentStep, resultPath: String) throws -> StepRecord {
        var arguments = step.arguments + ["--json", resultPath]
        var isResumed = false
        if let made = step.folder {
            // An unfinished model is continued; a finished one without figures is made again.
            try folder.removeTree(made)
            if step.isResumable {
                isResumed = FileSystem.exists(made + ".partial")
                arguments.append("--resume")
            } else {
                try folder.removeTree(made + ".partial")
            }
        }
        try FileSystem.remove(resultPath)
        let start = ContinuousClock.now
        try command(arguments)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let line = ReportContext.commandLine(step.arguments)
        guard FileSystem.exists(resultPath) else {
            throw ReproductionError.noResult(command: line, reason: "it wrote no JSON")
        }
        do {
            let result = try JSONParser.parse(FileSystem.read(resultPath))
            return StepRecord(arguments: step.arguments, seconds: seconds, isResumed: isResumed, result: result)
        } catch let error as JSONParser.Failure {
            throw ReproductionError.noResult(command: line, reason: "\(error.reason) at byte \(error.offset)")
        }
    }

    // MARK: results

    private func results(_ records: [ExperimentRecord]) throws -> ReproductionResults {
        let channels = ReproductionFolder.channelsPath(in: folder.path)
        let isThere = records.contains { $0.id == ReproductionFolder.diagnosticsName } && FileSystem.exists(channels)
        return try ReproductionResults(
            records: records, plannedCount: plan.experiments.count, context: context,
            channels: isThere ? FileSystem.read(channels) : nil)
    }

    private func write(_ records: [ExperimentRecord]) throws {
        let results = try results(records)
        let report = results.document
        try FileSystem.writeDurably(results.json(), to: folder.path + "/results.json")
        try FileSystem.writeDurably(Array(report.markdown.utf8), to: folder.path + "/report.md")
        try FileSystem.writeDurably(Array(report.html.utf8), to: folder.path + "/report.html")
    }
}
