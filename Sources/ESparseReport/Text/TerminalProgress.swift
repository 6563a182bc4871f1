// Progress on stderr: a bar with rate and time left on a terminal, plain lines elsewhere.

public import ESparseCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Shows progress on stderr, so that stdout holds results only.
///
/// On a terminal one line is redrawn at most ten times a second; elsewhere a line is printed when a stage starts, every 15
/// seconds, and when it ends.
public final class TerminalProgress: ProgressReporter {
    private struct State {
        var stage = ""
        var start = ContinuousClock.now
        var firstCompleted = 0
        var lastShown = ContinuousClock.now
        var isBarShown = false
    }

    private let isTerminal: Bool
    private let width: Int
    private let state = Mutex(State())

    /// Writes to stderr, as a bar when that is a terminal.
    public init() {
        isTerminal = isatty(STDERR_FILENO) == 1
        var size = winsize()
        let known = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0
        width = known && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    /// Shows how far a stage has come.
    public func report(stage: String, completed: Int, total: Int, unit: String) {
        state.withLock { state in
            let now = ContinuousClock.now
            let isNew = stage != state.stage
            if isNew {
                state.stage = stage
                state.start = now
                state.firstCompleted = completed
            }
            let isLast = completed >= total
            let pause = isTerminal ? Duration.milliseconds(100) : Duration.seconds(15)
            guard isNew || isLast || now - state.lastShown >= pause else { return }
            state.lastShown = now
            let elapsed = (now - state.start) / .seconds(1)
            let line = Self.line(
                stage: stage, completed: completed, total: total, unit: unit, elapsed: elapsed,
                doneHere: completed - state.firstCompleted)
            if isTerminal {
                Self.show(
                    "\r\u{1B}[K" + Self.fit(line, bar: completed, of: total, width: width) + (isLast ? "\n" : ""))
                state.isBarShown = !isLast
            } else {
                Self.show(line + "\n")
            }
        }
    }

    /// Prints a sentence on a line of its own.
    public func note(_ message: String) {
        state.withLock { state in
            Self.show((state.isBarShown ? "\r\u{1B}[K" : "") + message + "\n")
            state.isBarShown = false
        }
    }

    /// "stage: 3/30 blocks, 0.5 blocks/s, 0:54 left", without rate and time until something was done.
    package static func line(
        stage: String, completed: Int, total: Int, unit: String, elapsed: Double, doneHere: Int
    ) -> String {
        var line = "\(stage): \(completed)/\(total) \(unit)"
        guard doneHere > 0, elapsed > 0 else { return line }
        let rate = Double(doneHere) / elapsed
        let decimals = rate < 10 ? 2 : rate < 100 ? 1 : 0
        line += ", \(Quantity.fixed(rate, decimals: decimals)) \(unit)/s"
        line +=
            completed < total
            ? ", \(Quantity.duration(seconds: Double(total - completed) / rate)) left"
            : ", took \(Quantity.duration(seconds: elapsed))"
        return line
    }

    /// The line with a bar before it where the terminal is wide enough, never longer than the terminal.
    package static func fit(_ line: String, bar completed: Int, of total: Int, width: Int) -> String {
        let room = min(24, width - line.count - 4)
        guard room >= 8, total > 0 else { return String(line.prefix(width - 1)) }
        let filled = room * max(0, min(completed, total)) / total
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: room - filled) + "] " + line
    }

    /// Writes without a buffer; a failure is ignored, since a line of progress is not worth an error.
    private static func show(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}
