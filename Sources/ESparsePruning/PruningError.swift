// What can go wrong while pruning.

public import ESparseCore

/// Pruning cannot go on.
public enum PruningError: Error, Equatable, CustomStringConvertible {
    /// The pattern's group does not divide a linear's input channels.
    case indivisible(linear: String, columns: Int, pattern: SparsityPattern)
    /// Calibration gave a NaN or an infinity.
    case nonFiniteActivation(site: String, channel: Int)
    /// No calibration token has been seen.
    case noCalibrationTokens(site: String)
    /// A weight tensor holds a NaN or an infinity.
    case nonFiniteWeight(linear: String, row: Int, column: Int)
    /// A weight's saliency is a NaN or an infinity.
    case nonFiniteSaliency(linear: String, row: Int, column: Int)
    /// No damping makes a Hessian positive definite: its sums overflow.
    case unusableHessian(site: String)
    /// A weight that makes up for dropped ones outgrows the type it is stored in.
    case updateOverflows(linear: String, row: Int, column: Int, type: ElementType)
    /// The statistics would leave out every token.
    case nothingToCount(skipped: Int, sequenceLength: Int)
    /// A pattern of names fits no linear of the model.
    case unmatchedGlob(String, example: String)
    /// No linear is left to prune.
    case nothingSelected
    /// Not even one linear can be pruned within the budget.
    case budgetTooSmall(percent: Double)
    /// The loss of held-out sequences is a NaN or an infinity.
    case lossNotFinite
    /// The model is an output of this tool.
    case alreadyPruned(path: String)
    /// A file of an unfinished run that must hold an order of channels does not.
    case damagedOrder(path: String, channels: Int)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .indivisible(let linear, let columns, let pattern):
            "\(linear) has \(columns) input channels, which cannot be cut into groups of \(pattern.group); choose a pattern "
                + "N:M whose M divides \(columns), or leave the linear out with --exclude"
        case .nonFiniteActivation(let site, let channel):
            "calibration gave a NaN or an infinity in channel \(channel) of the input of \(site); the checkpoint is damaged "
                + "or overflows at this precision (try --precision f32)"
        case .noCalibrationTokens(let site):
            "the input of \(site) has seen no calibration token; give more calibration text"
        case .nonFiniteWeight(let linear, let row, let column):
            "\(linear) holds a NaN or an infinity at row \(row), column \(column); the checkpoint is damaged"
        case .nonFiniteSaliency(let linear, let row, let column):
            "the saliency of \(linear) at row \(row), column \(column) overflows single precision; the weight or its "
                + "calibration statistics are absurdly large: check the checkpoint, or leave the linear out with --exclude"
        case .unusableHessian(let site):
            "the products of the inputs of \(site) overflow single precision, so its weights cannot be updated; prune it by "
                + "another method, or leave it out with --exclude"
        case .updateOverflows(let linear, let row, let column, let type):
            "the updated weight of \(linear) at row \(row), column \(column) is too large for \(type); prune the model without "
                + "updates, or leave the linear out with --exclude"
        case .nothingToCount(let skipped, let length):
            "--skip-positions \(skipped) leaves no token of sequences of \(length); it must be below --sequence-length"
        case .unmatchedGlob(let glob, let example):
            "'\(glob)' fits no linear of the model; names look like \(example), and * stands for any characters"
        case .nothingSelected:
            "no linear is left to prune: --include and --exclude leave none of the model's linears; loosen them"
        case .budgetTooSmall(let percent):
            "a budget of \(percent) % leaves nothing to prune: every part of the model that was tried costs more perplexity; "
                + "raise --budget, or use the model as it is"
        case .lossNotFinite:
            "the model's loss on the held-out sequences is not finite; the checkpoint may be damaged, or try --precision f32"
        case .alreadyPruned(let path):
            "\(path) is pruned already; start from the checkpoint that it was made from"
        case .damagedOrder(let path, let channels):
            "\(path), which must hold an order of \(channels) channels, is missing or damaged; remove the unfinished run and start again"
        }
    }
}
