// What a pruning run was asked to do: everything that changes the result, and nothing that does not.

public import ESparseCore
public import ESparseFormats

/// Everything that determines the result of a pruning run, besides the model and the calibration text.
public struct PruningSettings: Sendable {
    /// How weights are scored.
    public var method: any PruningMethod
    /// What follows the score, in order; at first what the method itself prescribes.
    public var stages: [MaskStage]
    /// Weights kept per group of input channels.
    public var pattern = SparsityPattern.twoOfFour
    /// Channel shuffles.
    public var shuffle = ShuffleSteps.both
    /// Where the shuffled order is kept.
    public var shuffleMode = ShuffleMode.runTime
    /// Input channels in a block of the local shuffle.
    public var blockSize = 256
    /// Calibration sequences.
    public var sampleCount = defaultSampleCount
    /// Tokens of a calibration sequence.
    public var sequenceLength = 2048
    /// Further calibration sequences whose every token is a text of its own, at most `sampleCount`
    /// (`CalibrationSet.appendingFirstTokens`).
    public var firstTokenSequences = 0
    /// Seed of every random choice.
    public var seed: UInt64 = 0
    /// Patterns of weight names to prune; empty means all linears of the decoder blocks.
    public var include: [String] = []
    /// Patterns of weight names to leave dense.
    public var exclude: [String] = []
    /// How pruned linears are stored.
    public var storage = CheckpointStorage.packed
    /// Arithmetic of the calibration run, and type of the stored weights where the source was quantised.
    public var precision: Precision

    /// Calibration sequences where nobody says how many.
    public static let defaultSampleCount = 128

    /// Makes default settings for a method.
    public init(method: any PruningMethod, precision: Precision) {
        self.method = method
        stages = method.stages
        self.precision = precision
    }

    /// Whether a linear of this weight name is to be pruned.
    public func selects(_ name: String) -> Bool {
        (include.isEmpty || include.contains { Glob($0).matches(name) })
            && !exclude.contains { Glob($0).matches(name) }
    }

    /// The search for orders of channels.
    var channelShuffle: ChannelShuffle { ChannelShuffle(steps: shuffle, blockSize: blockSize) }

    /// What calibration must gather: what the method asks for, and where stages follow at least sums and extremes.
    package var requirement: StatisticsRequirement {
        method.requirement == .none && !stages.isEmpty ? .range : method.requirement
    }

    /// Whether calibration must sum products of channels.
    var needsProducts: Bool {
        if case .inverseHessian = method.requirement { return true }
        return !stages.isEmpty
    }

    /// All settings that have no field of their own in the manifest, by their option's name.
    var named: [String: String] {
        var named = stages.reduce(method.settings) { $0.merging($1.work.settings) { $1 } }
        named["shuffle"] = shuffle.rawValue
        if shuffleMode != .runTime { named[ShuffleMode.settingName] = shuffleMode.rawValue }
        named["precision"] = precision.rawValue
        if shuffle == .local || shuffle == .both { named["block-size"] = "\(blockSize)" }
        if requirement != .none {
            named["samples"] = "\(sampleCount)"
            named["sequence-length"] = "\(sequenceLength)"
            named["seed"] = "\(seed)"
            if firstTokenSequences > 0 { named["first-tokens"] = "\(firstTokenSequences)" }
        }
        if !include.isEmpty { named["include"] = include.joined(separator: " ") }
        if !exclude.isEmpty { named["exclude"] = exclude.joined(separator: " ") }
        return named
    }
}
