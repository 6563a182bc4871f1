// Ctrl-C and SIGTERM: they stop work cleanly, and end a command at once that only waits for input.

import ArgumentParser
import ESparseCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the command does when it is asked to stop.
///
/// Signals are taken on a thread of their own; all others block them. The machine code that oneDNN 2.6 generates keeps values
/// below the stack pointer, so a handler that interrupted it would overwrite them and corrupt memory.
enum Signals {
    private static let stopping = [SIGINT, SIGTERM]

    /// Exit code of a run that was interrupted, as shells count it: 128 + SIGINT.
    static let interruptedExitCode: Int32 = 130

    /// Whether the command only waits for input, so that a signal may end it at once.
    private static let isWaiting = Atomic<Bool>(false)

    /// The first signal stops work at its next step, a second one at once. To be called before there are other threads, which
    /// inherit what this one blocks.
    static func stopCleanly() {
        // Shells start background jobs with these ignored.
        for number in stopping { signal(number, SIG_DFL) }
        var blocked = blockedSignals()
        unsafe pthread_sigmask(SIG_BLOCK, &blocked, nil)
        var thread = pthread_t()
        let code = unsafe pthread_create(&thread, nil, { _ in Signals.wait() }, nil)
        // Without the thread the signals must end the command at least.
        if code != 0 { unsafe pthread_sigmask(SIG_UNBLOCK, &blocked, nil) }
    }

    /// Runs `body`, which waits for input and has nothing to tidy up; a signal ends the command meanwhile.
    ///
    /// A read goes on after a signal, so that a flag would be seen only after the next line.
    ///
    /// - Throws: `InterruptedError` where stopping was asked for before or, from `body`, whatever it throws.
    static func endingAtOnce<Result>(_ body: () throws -> Result) throws -> Result {
        isWaiting.store(true, ordering: .sequentiallyConsistent)
        defer { isWaiting.store(false, ordering: .sequentiallyConsistent) }
        try Interruption.check()
        return try body()
    }

    private static func blockedSignals() -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in stopping { unsafe sigaddset(&signals, number) }
        return signals
    }

    /// What the waiting thread does until the process ends.
    private static func wait() -> Never {
        var signals = blockedSignals()
        while true {
            var number: Int32 = 0
            guard unsafe sigwait(&signals, &number) == 0 else { continue }
            if Interruption.isRequested {
                // The signal's own action, whose exit status names it.
                unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                raise(number)
            }
            Interruption.request()
            // Either this thread sees that the command waits, or the command sees the request before it does.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if isWaiting.load(ordering: .sequentiallyConsistent) { _exit(interruptedExitCode) }
        }
    }
}
