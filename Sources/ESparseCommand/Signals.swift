// Ctrl-C and SIGTERM: they stop work cleanly, and end a command at once that only waits for input.

import ArgumentParser
import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the command does when it is asked to stop.
enum Signals {
    private static let stopping = [SIGINT, SIGTERM]

    /// Exit code of a run that was interrupted, as shells count it: 128 + SIGINT.
    static let interruptedExitCode: Int32 = 130

    /// The first signal stops work at its next step, a second one at once.
    static func stopCleanly() {
        for number in stopping {
            signal(number) { number in
                Interruption.request()
                signal(number, SIG_DFL)
            }
        }
    }

    /// Runs `body`, which waits for input and has nothing to tidy up; a signal ends the command meanwhile.
    ///
    /// A read goes on after a signal, so that a flag would be seen only after the next line.
    ///
    /// - Throws: `InterruptedError` where stopping was asked for before or, from `body`, whatever it throws.
    static func endingAtOnce<Result>(_ body: () throws -> Result) throws -> Result {
        for number in stopping { signal(number) { _ in _exit(Signals.interruptedExitCode) } }
        defer { stopCleanly() }
        try Interruption.check()
        return try body()
    }
}
