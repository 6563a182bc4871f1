// Adds up the bytes of files that are fetched side by side.

import ESparseCore
import Synchronization

/// The progress of a download, in units that a person reads easily.
final class DownloadProgress: Sendable {
    /// Who shows it.
    let reporter: any ProgressReporter
    private let stage: String
    private let total: Int
    private let unit: (name: String, size: Int)
    private let done = Mutex(0)

    /// Starts with nothing done.
    ///
    /// - Parameters:
    ///   - model: for the stage's name.
    ///   - byteCount: of all files that are not in the cache.
    ///   - reporter: who shows it.
    init(model: HubModel, byteCount: Int, reporter: any ProgressReporter) {
        self.reporter = reporter
        stage = "fetching \(model)"
        total = byteCount
        unit = byteCount < 10_000_000 ? ("kB", 1000) : ("MB", 1_000_000)
        if byteCount > 0 { show(0) }
    }

    /// Counts bytes that arrived, or were there from an earlier attempt; a negative number takes them back.
    func advance(_ byteCount: Int) {
        // Shown under the lock, so that figures never go back.
        done.withLock { done in
            done += byteCount
            show(done)
        }
    }

    private func show(_ done: Int) {
        let shown = done >= total ? (total + unit.size - 1) / unit.size : max(0, done) / unit.size
        reporter.report(
            stage: stage, completed: shown, total: (total + unit.size - 1) / unit.size, unit: unit.name)
    }
}
