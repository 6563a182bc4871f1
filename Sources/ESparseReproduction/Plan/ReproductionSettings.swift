// The settings of a reproduction: what to measure, on which model and texts.

/// Parts of a reproduction that can be asked for on their own.
public enum ExperimentGroup: String, Sendable, CaseIterable {
    /// Every method and pattern: perplexity, zero-shot accuracy, memory, time.
    case main
    /// Entropy, amplitude and both shuffles, each alone and together.
    case ablation
    /// One setting at a time changed from the default.
    case sensitivity
    /// Channels before and after the shuffle, and what each linear's outputs lose.
    case diagnostics
    /// Matrix products.
    case gemm
    /// A whole model, dense against packed.
    case model
}

/// Settings of a reproduction.
public struct ReproductionSettings: Sendable {
    /// The checkpoint.
    public var model: String
    /// The folder of results.
    public var output: String
    /// As `--calibration` of `esparse prune`: a file, or "self".
    public var calibration: String
    /// As `--text` of `esparse evaluate`.
    public var text: String?
    /// As `--tasks` of `esparse evaluate`, each occurrence.
    public var tasks: [String]
    /// Items of each task; nil for all.
    public var limit: Int?
    /// Calibration sequences of the main table.
    public var samples: Int
    /// Tokens of a calibration sequence and of a window of the main table.
    public var sequenceLength: Int
    /// Windows of the main table; nil for all.
    public var windows: Int?
    /// Calibration sequences of the ablation, the sensitivity and the diagnostics.
    public var ablationSamples: Int
    /// Tokens of each of those; their windows are twice as long.
    public var ablationSequenceLength: Int
    /// Windows of the ablation and the sensitivity.
    public var ablationWindows: Int
    /// As `benchmark gemm --shapes`.
    public var shapes: String
    /// As `benchmark gemm --tokens`.
    public var tokens: [Int]
    /// As `benchmark gemm --seconds`.
    public var seconds: Double
    /// As `benchmark model --prompt-tokens`.
    public var promptTokens: Int
    /// As `benchmark model --generate-tokens`.
    public var generateTokens: Int
    /// As `benchmark model --batch`.
    public var batch: [Int]
    /// As `benchmark model --rounds`.
    public var rounds: Int
    /// As `--precision` of every command.
    public var precision: String
    /// As `--threads` of every command.
    public var threads: Int
    /// What to measure.
    public var groups: Set<ExperimentGroup>

    /// Makes settings.
    public init(
        model: String, output: String, calibration: String, text: String?, tasks: [String], limit: Int?, samples: Int,
        sequenceLength: Int, windows: Int?, ablationSamples: Int, ablationSequenceLength: Int, ablationWindows: Int,
        shapes: String, tokens: [Int], seconds: Double, promptTokens: Int, generateTokens: Int, batch: [Int],
        rounds: Int, precision: String, threads: Int, groups: Set<ExperimentGroup>
    ) {
        self.model = model
        self.output = output
        self.calibration = calibration
        self.text = text
        self.tasks = tasks
        self.limit = limit
        self.samples = samples
        self.sequenceLength = sequenceLength
        self.windows = windows
        self.ablationSamples = ablationSamples
        self.ablationSequenceLength = ablationSequenceLength
        self.ablationWindows = ablationWindows
        self.shapes = shapes
        self.tokens = tokens
        self.seconds = seconds
        self.promptTokens = promptTokens
        self.generateTokens = generateTokens
        self.batch = batch
        self.rounds = rounds
        self.precision = precision
        self.threads = threads
        self.groups = groups
    }

    /// Tokens of a window of the ablation and the sensitivity.
    var ablationWindowLength: Int { 2 * ablationSequenceLength }

    /// Everything that changes a figure, except the input files, by its option's name.
    var named: [String: String] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        return [
            "limit": limit.map(String.init) ?? "all", "samples": "\(samples)", "sequence-length": "\(sequenceLength)",
            "windows": windows.map(String.init) ?? "all", "ablation-samples": "\(ablationSamples)",
            "ablation-sequence-length": "\(ablationSequenceLength)", "ablation-windows": "\(ablationWindows)",
            "shapes": shapes, "tokens": list(tokens), "seconds": "\(seconds)", "prompt-tokens": "\(promptTokens)",
            "generate-tokens": "\(generateTokens)", "batch": list(batch), "rounds": "\(rounds)", "precision": precision,
            "threads": "\(threads)",
        ]
    }
}
