// Estimates how long the rest of a reproduction will take from the experiments that have finished.

/// Learns this machine's speed while experiments finish.
package struct TimeEstimate: Sendable {
    private var tokens = 0.0
    private var seconds = 0.0

    /// Starts without any timed experiment.
    package init() {}

    /// An experiment took `elapsed` seconds.
    package mutating func learn(_ work: ExperimentWork, elapsed: Double) {
        guard work.tokens > 0 else { return }
        tokens += work.tokens
        seconds += max(elapsed - work.seconds, 0)
    }

    /// Seconds that work will take; nil until an experiment has been timed.
    package func seconds(for work: [ExperimentWork]) -> Double? {
        let total = work.reduce(into: ExperimentWork()) {
            $0.tokens += $1.tokens
            $0.seconds += $1.seconds
        }
        guard total.tokens > 0 else { return total.seconds }
        guard tokens > 0 else { return nil }
        return total.seconds + total.tokens * seconds / tokens
    }

    /// "about 48 min left", or nothing.
    package func phrase(for work: [ExperimentWork]) -> String {
        guard let seconds = seconds(for: work) else { return "" }
        return seconds < 90
            ? ", about \(Int(seconds.rounded())) s left" : ", about \(Int((seconds / 60).rounded())) min left"
    }
}
