// Options of `esparse prune` that say how weights are scored, shuffled and masked.

public import ArgumentParser
public import ESparseCore
public import ESparseFormats
public import ESparsePruning

extension SparsityPattern: ExpressibleByArgument {
    /// Reads "2:4".
    public init?(argument: String) { self.init(argument) }
    /// The form "2:4".
    public var defaultValueDescription: String { description }
}

extension CheckpointStorage: ExpressibleByArgument {}
extension EntropyEstimator: ExpressibleByArgument {}
extension AmplitudeScale: ExpressibleByArgument {}
extension SaliencyRule: ExpressibleByArgument {}
extension ShuffleSteps: ExpressibleByArgument {}
extension ShuffleMode: ExpressibleByArgument {}

/// A method that `--method` names: one of `PruningMethods.all`.
struct MethodName: ExpressibleByArgument {
    /// With its usual settings.
    let method: any PruningMethod

    init(_ method: any PruningMethod) { self.method = method }

    init?(argument: String) {
        guard let method = PruningMethods.named(argument) else { return nil }
        self.method = method
    }

    var defaultValueDescription: String { method.name }
    static var allValueStrings: [String] { PruningMethods.all.map(\.name) }
    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

/// Sets of settings that `--preset` names.
enum Preset: String, ExpressibleByArgument, CaseIterable {
    /// The plain reading of the E-Sparse paper.
    case paper
}

struct MethodOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Weights kept in each group of input channels: N of M, 0 < N < M <= 32.", valueName: "n:m"))
    var pattern: SparsityPattern = .twoOfFour

    @Option(help: "How weights are scored.")
    var method: MethodName = MethodName(PruningMethods.all[0])

    @Option(help: "E-Sparse with the paper's plain settings; options given beside it still count.")
    var preset: Preset?

    @Option(
        help: ArgumentHelp(
            "E-Sparse: weight of the rule's second term; \(ESparse.standard.alpha) where not given.",
            valueName: "number"))
    var alpha: Double?

    @Option(
        help: ArgumentHelp(
            "E-Sparse: bins of a channel's histogram, where they are linear; \(ESparse.standard.bins) where not given.",
            valueName: "n"))
    var bins: Int?

    @Option(help: "E-Sparse: estimate of a channel's entropy; \(ESparse.standard.entropy.rawValue) where not given.")
    var entropy: EntropyEstimator?

    @Option(help: "E-Sparse: scale of a channel's amplitude; \(ESparse.standard.amplitude.rawValue) where not given.")
    var amplitude: AmplitudeScale?

    @Option(
        help: "E-Sparse: how entropy and amplitude are combined; \(ESparse.standard.rule.rawValue) where not given.")
    var rule: SaliencyRule?

    @Option(
        help: ArgumentHelp(
            "E-Sparse: first tokens of a sequence that statistics leave out; 0 where not given.", valueName: "n"))
    var skipPositions: Int?

    @Flag(help: "Let kept weights make up for dropped ones, by SparseGPT's update.")
    var update = false

    @Flag(
        inversion: .prefixedNo,
        help: ArgumentHelp(
            "Refine masks by the outputs' error on the calibration text; weights stay as they are.",
            discussion: "On where --method is e-sparse, without --preset and --update."))
    var refine: Bool?

    @Option(help: "Channel shuffles before masking.")
    var shuffle: ShuffleSteps = .both

    @Option(
        help: """
            Where shuffled orders are kept: run-time, best orders that this tool's runtime follows, or absorbed, in the weights \
            of an ordinary checkpoint for any runtime; run-time where not given.
            """)
    var shuffleMode: ShuffleMode?

    @Option(help: ArgumentHelp("Input channels in a block of the local shuffle; 256 where not given.", valueName: "n"))
    var blockSize: Int?

    func validate() throws {
        if let alpha, !(alpha >= 0 && alpha.isFinite) { throw ValidationError("--alpha must be 0 or above") }
        if let bins, !(2...65536).contains(bins) { throw ValidationError("--bins must be from 2 to 65536") }
        try requireEffect(
            of: [
                "--preset": preset != nil, "--alpha": alpha != nil, "--bins": bins != nil, "--entropy": entropy != nil,
                "--amplitude": amplitude != nil, "--rule": rule != nil, "--skip-positions": skipPositions != nil,
            ], with: "--method e-sparse", method.method is ESparse)
        try requireEffect(
            of: ["--bins": bins != nil], with: "an --entropy of linear bins (own-range, shared or power)",
            eSparse.entropy != .logarithmic)
        try requireEffect(
            of: ["--block-size": blockSize != nil], with: "--shuffle both or local",
            shuffle == .both || shuffle == .local)
        try requireEffect(
            of: ["--shuffle-mode": shuffleMode != nil], with: "a --shuffle other than none", shuffle != .none)
        let updates = !method.method.stages.isEmpty
        if update, updates {
            throw ValidationError("--method \(method.method.name) updates weights without --update")
        }
        if refine == true, update || updates {
            throw ValidationError("--refine leaves weights as they are; it does not go with updated weights")
        }
        if let skipPositions, skipPositions < 0 { throw ValidationError("--skip-positions must be 0 or above") }
        if let blockSize, !(1...1 << 20).contains(blockSize) {
            throw ValidationError("--block-size must be from 1 to 1048576")
        }
    }

    /// The settings that these options and defaults give.
    func settings(precision: Precision) -> PruningSettings {
        var settings = PruningSettings(method: scoring, precision: precision)
        if update { settings.stages.append(.update()) }
        if refinesMask { settings.stages.append(.refinement) }
        settings.pattern = pattern
        settings.shuffle = shuffle
        if let shuffleMode { settings.shuffleMode = shuffleMode }
        if let blockSize { settings.blockSize = blockSize }
        return settings
    }

    /// Whether masks are refined: the default of E-Sparse itself, not of the paper's plain settings nor of other methods.
    private var refinesMask: Bool { refine ?? (isOurs && !update) }

    /// Whether calibration also reads a share of its tokens as first tokens of texts: as for refined masks, our own default.
    var addsFirstTokens: Bool { isOurs && skipPositions ?? 0 == 0 }

    private var isOurs: Bool { method.method is ESparse && preset == nil }

    /// Whether statistics are gathered.
    var calibrates: Bool { settings(precision: .float32).requirement != .none }

    private var scoring: any PruningMethod { method.method is ESparse ? eSparse : method.method }

    private var eSparse: ESparse {
        var method = preset == .paper ? ESparse.paper : ESparse.standard
        if let alpha { method.alpha = alpha }
        if let bins { method.bins = bins }
        if let entropy { method.entropy = entropy }
        if let amplitude { method.amplitude = amplitude }
        if let rule { method.rule = rule }
        if let skipPositions { method.skippedPositions = skipPositions }
        return method
    }
}
