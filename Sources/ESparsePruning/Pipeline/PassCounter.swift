// Progress of a calibrated run, counted in passes of one sequence through one block.

import ESparseCore
import Synchronization

/// Counts passes and reports them.
final class PassCounter: Sendable {
    private let total: Int
    private let perBlock: Int
    private let blockCount: Int
    private let completed: Mutex<Int>
    private let progress: any ProgressReporter

    /// Starts at the first pass of `firstBlock`. The last block is not run again once it is pruned.
    init(
        blockCount: Int, firstBlock: Int, passCount: Int, sequenceCount: Int, progress: any ProgressReporter
    ) {
        perBlock = passCount * sequenceCount
        total = blockCount * perBlock - sequenceCount
        self.blockCount = blockCount
        completed = Mutex(firstBlock * perBlock)
        self.progress = progress
        report(firstBlock * perBlock)
    }

    /// One sequence went through one block.
    func advance() {
        report(completed.withLock { completed in
            completed += 1
            return completed
        })
    }

    /// The last block is written.
    func finish() { report(total) }

    private func report(_ count: Int) {
        let count = min(count, total)
        progress.report(stage: "Pruning", completed: count, total: total, unit: "passes")
    }
}
