// Where the time of a pruning run went.

import Synchronization

/// The stages of a pruning run.
public enum PruningStage: String, Sendable, CaseIterable {
    /// Cutting or writing the calibration sequences.
    case calibrationText = "calibration_text"
    /// Running sequences through dense blocks and gathering statistics.
    case statistics
    /// Scoring weights.
    case scoring
    /// Searching the order of channels.
    case shuffle
    /// Choosing what is kept, with all that follows the score.
    case mask
    /// Running sequences through pruned blocks for the next block's inputs.
    case outputs
    /// Waiting for finished blocks to be on the disk.
    case writing
    /// Losses and errors on held-out sequences, for a budget.
    case measuring
}

/// Adds up the seconds of each stage of one run.
public final class PruningStages: Sendable {
    private let times = Mutex<[PruningStage: Double]>([:])

    /// Starts with no time spent.
    public init() {}

    /// Seconds of each stage that took any, by its name.
    public var seconds: [String: Double] {
        times.withLock { times in Dictionary(uniqueKeysWithValues: times.map { ($0.key.rawValue, $0.value) }) }
    }

    /// Runs `body` and adds its time to `stage`.
    func measure<Result>(_ stage: PruningStage, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer {
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            times.withLock { $0[stage, default: 0] += seconds }
        }
        return try body()
    }
}
