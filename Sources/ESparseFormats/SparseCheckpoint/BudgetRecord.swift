// The outcome of `esparse prune --budget`: `budget` of esparse.json.

public import ESparseCore

/// How much of a model was left dense so that its loss rises no more than asked.
public struct BudgetRecord: Codable, Sendable, Equatable {
    /// A model whose loss was measured.
    public struct Trial: Codable, Sendable, Equatable {
        /// Pattern of what was pruned; nil for the dense model.
        public let pattern: SparsityPattern?
        /// Input sites left dense, the most sensitive ones first.
        public let denseSites: Int
        /// Whether the model was put together from the weights of a run that pruned every site; otherwise it was pruned in
        /// a run of its own, calibrated with the sites that stay dense.
        public let isAssembled: Bool
        /// Mean negative log-likelihood of the held-out sequences in nats a token.
        public let loss: Double

        /// Describes a trial.
        public init(pattern: SparsityPattern?, denseSites: Int, isAssembled: Bool, loss: Double) {
            self.pattern = pattern
            self.denseSites = denseSites
            self.isAssembled = isAssembled
            self.loss = loss
        }
    }

    /// How many per cent the perplexity might rise.
    public let percent: Double
    /// How many per cent it rose.
    public let rise: Double
    /// Held-out sequences that losses were measured on, each as long as a calibration sequence.
    public let heldOutSequences: Int
    /// The pattern asked for; another one in `run` means that the same share of weights in larger groups was needed.
    public let pattern: SparsityPattern
    /// Weights left dense for the budget, in the model's order.
    public let keptDense: [String]
    /// Size of the weights in bytes.
    public let bytes: Int
    /// Size of the weights in bytes if everything were pruned with the pattern asked for.
    public let bytesWithoutBudget: Int
    /// Every loss that was measured, in order; the first is the dense model's, the last that of the result.
    public let trials: [Trial]

    /// Puts a record together.
    public init(
        percent: Double, rise: Double, heldOutSequences: Int, pattern: SparsityPattern, keptDense: [String], bytes: Int,
        bytesWithoutBudget: Int, trials: [Trial]
    ) {
        self.percent = percent
        self.rise = rise
        self.heldOutSequences = heldOutSequences
        self.pattern = pattern
        self.keptDense = keptDense
        self.bytes = bytes
        self.bytesWithoutBudget = bytesWithoutBudget
        self.trials = trials
    }
}
