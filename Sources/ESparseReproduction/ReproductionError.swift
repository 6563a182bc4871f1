// The errors of starting or resuming a reproduction.

/// A reproduction cannot be started, or cannot go on.
public enum ReproductionError: Error, Equatable, CustomStringConvertible {
    /// The folder exists, and `--resume` was not given.
    case exists(path: String)
    /// The folder exists but holds no reproduction.
    case notAReproduction(path: String)
    /// The run in the folder was started with other settings or inputs.
    case changed(path: String, differences: [String])
    /// A record of a finished experiment is damaged.
    case damagedRecord(path: String, reason: String)
    /// A command gave no result, or one without the figures that are read from it.
    case noResult(command: String, reason: String)
    /// The experiments asked for predict a text, and there is none.
    case noText

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .exists(let path):
            "\(path) exists already; go on with its run by --resume, or choose another folder"
        case .notAReproduction(let path):
            "\(path) holds no run of `esparse reproduce`; choose another folder"
        case .changed(let path, let differences):
            "the run in \(path) was started differently (\(differences.joined(separator: "; "))); repeat its options, or "
                + "choose another folder"
        case .damagedRecord(let path, let reason):
            "\(path) is damaged: \(reason); remove it, and --resume measures it again"
        case .noResult(let command, let reason):
            "`\(command)` gave no usable result: \(reason); please report this as a bug"
        case .noText: "perplexity needs a text; give --text FILE, or choose other --sections"
        }
    }
}
