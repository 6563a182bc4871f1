// Runs this program again as a child process, whose peak memory is its own.

import ESparseCore
import ESparseFormats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A run of this program with other arguments.
package enum ChildProcess {
    /// Runs this program and waits for it; its messages go to this process's stderr.
    ///
    /// A request to stop this process is passed on, and waited for: the child tidies up after itself.
    /// - Returns: what it wrote to stdout.
    /// - Throws: `FileError` when it cannot be started; `ChildError` when it fails; `InterruptedError`.
    package static func run(_ arguments: [String]) throws -> [UInt8] {
        let program = "/proc/self/exe"
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { throw FileError(path: program, operation: "start", code: errno) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        for end in ends { unsafe posix_spawn_file_actions_addclose(&actions, end) }
        var words = unsafe (["esparse"] + arguments).map { word in unsafe strdup(word) } + [nil]
        defer { unsafe words.forEach { unsafe free($0) } }
        var process = pid_t()
        let code = unsafe posix_spawn(&process, program, &actions, nil, &words, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard code == 0 else { throw FileError(path: program, operation: "start", code: code) }
        var isStopping = false
        let output = Result {
            try ByteStream.read(descriptor: ends[0], named: program, limit: .max) {
                while !hasInput(ends[0]) {
                    guard Interruption.isRequested, !isStopping else { continue }
                    isStopping = true
                    kill(process, SIGTERM)
                }
            }
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        try Interruption.check()
        guard status == 0 else { throw ChildError(arguments: arguments) }
        return try output.get() ?? []
    }

    /// Whether a read would give something, be it the end; waits a fifth of a second for it, but not on after a signal.
    private static func hasInput(_ descriptor: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&waiting, 1, 200) > 0
    }
}

/// A child process failed; it has said why on stderr.
package struct ChildError: Error, CustomStringConvertible {
    let arguments: [String]

    /// One sentence for the user.
    package var description: String { "`esparse \(arguments.joined(separator: " "))` failed; its message is above" }
}
