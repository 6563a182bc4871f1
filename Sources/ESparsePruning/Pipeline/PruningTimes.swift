// Where the time of a pruning run went.

import Synchronization

/// What a pruning run spends time on.
public enum PruningPhase: String, Sendable, CaseIterable {
    /// Cutting or writing the calibration sequences.
    case calibrationText = "calibration_text"
    /// Choosing the order of the residual stream by a pass through the dense model, where shuffles are absorbed.
    case residualOrder = "residual_order"
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

/// Adds up the seconds of each phase of one run.
public final class PruningTimes: Sendable {
    private let times = Mutex<[PruningPhase: Double]>([:])

    /// Starts with no time spent.
    public init() {}

    /// Seconds of each phase that took any, by its name.
    public var seconds: [String: Double] {
        times.withLock { times in Dictionary(uniqueKeysWithValues: times.map { ($0.key.rawValue, $0.value) }) }
    }

    /// Runs `body` and adds its time to `phase`.
    func measure<Result>(_ phase: PruningPhase, _ body: () throws -> Result) rethrows -> Result {
        let start = ContinuousClock.now
        defer {
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            times.withLock { $0[phase, default: 0] += seconds }
        }
        return try body()
    }
}
