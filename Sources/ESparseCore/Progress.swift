// Progress reports of long work, and the request to stop it.

import Synchronization

/// Receives the progress of long work; the command shows it as a bar or as lines on stderr.
public protocol ProgressReporter: Sendable {
    /// `completed` of `total` units of `stage` are done; called with `completed` 0 first and `total` last.
    func report(stage: String, completed: Int, total: Int, unit: String)
    /// A sentence for the person at the terminal, such as a setting that was chosen for them.
    func note(_ message: String)
}

/// Ignores all progress.
public struct SilentProgress: ProgressReporter {
    /// Makes a reporter that ignores everything.
    public init() {}
    /// Does nothing.
    public func report(stage: String, completed: Int, total: Int, unit: String) {}
    /// Does nothing.
    public func note(_ message: String) {}
}

/// The request to stop, set by the command's signal handler and checked by long work between its steps.
public enum Interruption {
    private static let requested = Atomic<Bool>(false)

    /// Asks long work to stop at its next step. Safe to call from a signal source.
    public static func request() { requested.store(true, ordering: .relaxed) }

    /// Whether stopping was asked for.
    public static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Stops the caller when asked to.
    ///
    /// - Throws: `InterruptedError`.
    public static func check() throws(InterruptedError) {
        if isRequested { throw InterruptedError() }
    }
}

/// Work was stopped because the user asked for it.
public struct InterruptedError: Error, CustomStringConvertible {
    package init() {}

    /// One word for the user.
    public var description: String { "interrupted" }
}
