// Progress of a stage, counted in passes of one sequence through one block.

import ESparseCore
import Synchronization

/// Counts passes and reports them.
final class PassCounter: Sendable {
    private let stage: String
    private let total: Int
    private let completed: Mutex<Int>
    private let progress: any ProgressReporter

    /// Starts at the first pass of block `firstBlock`; block `i` takes `passes[i]` passes of every sequence.
    init(
        stage: String, passes: [Int], firstBlock: Int, sequenceCount: Int, progress: any ProgressReporter
    ) {
        self.stage = stage
        total = passes.reduce(0, +) * sequenceCount
        let start = passes[..<firstBlock].reduce(0, +) * sequenceCount
        completed = Mutex(start)
        self.progress = progress
        report(start)
    }

    /// One sequence went through one block.
    func advance() {
        report(
            completed.withLock { completed in
                completed += 1
                return completed
            })
    }

    private func report(_ count: Int) {
        progress.report(stage: stage, completed: count, total: total, unit: "passes")
    }
}
