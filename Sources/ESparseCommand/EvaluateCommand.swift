// `esparse evaluate`: perplexity on texts, and zero-shot tasks.

import ArgumentParser
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseReport
import ESparseRuntime

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure a model's perplexity on texts and its accuracy on zero-shot tasks.",
        discussion: """
            Each text is tokenized once and cut into consecutive windows; the tail is dropped. Perplexity is the \
            exponential of the mean over windows of each window's mean loss. It depends on the window's length, which is \
            printed beside it.

            Tasks are asked as lm-eval asks them, without examples: the likeliest choice counts (acc), also after dividing \
            by its length (acc_norm). Files are those of the data sets as JSON lines or tables; Parquet is not read. Known \
            tasks: arc_easy, arc_challenge, hellaswag, winogrande, boolq, openbookqa, piqa, rte, sglue_rte, \
            lambada_openai, lambada_standard. Any other name is a task of your own, with ctx, choices and gold on each line.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var device: DeviceOption
    @OptionGroup var profile: ProfileOption
    @OptionGroup var json: JSONOption

    @Option(
        help: ArgumentHelp(
            "Text to predict: .txt or .jsonl (field text), or either as .gz; may be repeated.", valueName: "file"))
    var text: [String] = []

    @Option(help: ArgumentHelp("Tokens of a window; 2048 where not given.", valueName: "n"))
    var sequenceLength: Int?

    @Option(help: ArgumentHelp("Windows of each text to run; all where not given.", valueName: "n|all"))
    var windows: WindowLimit?

    @Option(
        help: ArgumentHelp(
            "Zero-shot tasks: NAME=FILE,..., files called like a task, or a folder of such; may be repeated.",
            valueName: "tasks"))
    var tasks: [String] = []

    @Option(help: ArgumentHelp("Items of each task to ask, from the first; all where not given.", valueName: "n"))
    var limit: Int?

    @Option(
        help: ArgumentHelp("Write every item with the model's answers to samples_TASK.jsonl there.", valueName: "dir"))
    var samplesOutput: String?

    @Flag(help: "Go on with a run that was stopped or killed; needs --json.")
    var resume = false

    private var windowLength: Int { sequenceLength ?? 2048 }

    func validate() throws {
        guard (2...1_000_000).contains(windowLength) else {
            throw ValidationError("--sequence-length must be from 2 to 1000000")
        }
        guard !text.isEmpty || !tasks.isEmpty else { throw ValidationError("give --text, --tasks, or both") }
        try requireEffect(
            of: ["--sequence-length": sequenceLength != nil, "--windows": windows != nil], with: "--text", !text.isEmpty
        )
        try requireEffect(
            of: ["--limit": limit != nil, "--samples-output": samplesOutput != nil], with: "--tasks", !tasks.isEmpty)
        try requireEffect(of: ["--resume": resume], with: "--json FILE", resultFile != nil)
        guard limit.map({ $0 > 0 }) ?? true else { throw ValidationError("--limit must be at least 1") }
        if let samplesOutput { try requireFolder(of: samplesOutput, option: "--samples-output") }
    }

    func run() throws {
        let progress = TerminalProgress()
        // What needs no model is refused first: the model may have to be fetched.
        try self.device.check(precision: model.requestedPrecision, threads: model.threads, profile: profile.source)
        if let resultFile, !resume { try EvaluationJournal.requireNone(ofResult: resultFile) }
        let inputs = try Signals.endingAtOnce { try EvaluationInputs(texts: text, tasks: tasks) }
        let opened = try model.open(progress)
        let device = try device.open(
            precision: model.requestedPrecision, threads: model.threads, profile: profile.source,
            weightType: opened.weightType, note: progress.note)
        try evaluate(inputs, opened, on: device.backend, progress)
    }

    private func evaluate(
        _ inputs: EvaluationInputs, _ opened: OpenedModel, on backend: some RuntimeBackend,
        _ progress: TerminalProgress
    ) throws {
        let plan = try EvaluationPlan(
            inputs, limit: limit, tokenizer: opened.tokenizer, architecture: opened.architecture)
        for note in plan.notes { progress.note("Note: \(note)") }
        if let samplesOutput, !FileSystem.isFolder(samplesOutput) { try FileSystem.createFolder(samplesOutput) }
        let journal = try journal(of: plan, opened, backend)
        let report = try plan.run(
            on: opened.load(onto: backend, progress: progress), name: model.path, precision: backend.arithmetic,
            sequenceLength: windowLength, windowLimit: windows?.count, journal: journal,
            samplesFolder: samplesOutput, progress: progress
        ) { result in
            let name = plan.textCount > 1 ? result.name + ": " : ""
            print(name + result.sentence(precision: backend.arithmetic))
        }
        if !report.tasks.isEmpty {
            print(report.taskTable.plainText, terminator: "")
            progress.note(report.sharingSentence)
        }
        try json.write(report.json())
        try journal.finish()
    }

    /// The result's file where it can have a journal beside it; nil where the result goes to no plain file.
    private var resultFile: String? { json.path.flatMap { ResultFile.isPlain($0) ? $0 : nil } }

    /// The journal beside the result's file.
    private func journal(
        of plan: EvaluationPlan, _ opened: OpenedModel, _ backend: some RuntimeBackend
    ) throws -> EvaluationJournal {
        guard let resultFile else { return EvaluationJournal() }
        var run = plan.description(sequenceLength: windowLength, windowLimit: windows?.count)
        run["model"] = try InputDigest.of(opened.checkpoint)
        run["arithmetic"] = backend.arithmetic
        run["device"] = backend.deviceName
        run["kernel profile"] = "\(profile.choice)"
        run["version"] = toolVersion
        return try EvaluationJournal(result: resultFile, run: run, resume: resume)
    }
}
