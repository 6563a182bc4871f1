// This program once more, as another process: its peak memory is then its own.

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
    /// Ctrl-C at a terminal reaches the child as well; the caller then finds its own request to stop.
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
        let output = readAll(ends[0])
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        try Interruption.check()
        guard status == 0 else { throw ChildError(arguments: arguments) }
        return output
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return output }
            output += buffer[..<count]
        }
    }
}

/// A child process failed; it has said why on stderr.
package struct ChildError: Error, CustomStringConvertible {
    let arguments: [String]

    /// One sentence for the user.
    package var description: String { "`esparse \(arguments.joined(separator: " "))` failed; its message is above" }
}
