// Repeats what may succeed at the next attempt.

package import ESparseCore

extension HubClient {
    /// Calls `body` until it succeeds, with pauses that double, or as long as the hub asks for.
    ///
    /// - Parameters:
    ///   - attempts: the most calls in a row that fail and do not get further.
    ///   - progress: is told of each pause that a person would notice.
    ///   - body: returns nil when it got further without reaching its end, which counts as a new start.
    /// - Throws: the last failure's `HubError`; what else `body` throws; `InterruptedError`.
    package func repeating<Result>(
        attempts: Int, progress: any ProgressReporter, _ body: () async throws -> Result?
    ) async throws -> Result {
        var failures = 0
        while true {
            do {
                if let result = try await body() { return result }
                failures = 0
                // A hub that breaks off after every few bytes is not to be asked without a rest.
                try await pause(seconds: settings.patience.betweenAttempts)
            } catch let failure as PassingFailure {
                failures += 1
                let own = settings.patience.betweenAttempts * Double(1 << min(failures - 1, 10))
                let pause = max(own, failure.pause ?? 0)
                guard failures < attempts, pause <= settings.patience.longestPause else { throw failure.error }
                if pause >= 1 {
                    progress.note("Note: \(failure.error); next attempt in \(Int(pause.rounded(.up))) seconds")
                }
                try await self.pause(seconds: pause)
            }
        }
    }
}
