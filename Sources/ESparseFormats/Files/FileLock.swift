// A lock between processes: a file that only one of them holds at a time.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Holds a file's lock until it is dropped; the system lets go of it when the process dies, however it dies.
///
/// The file is made where it is missing, and stays: removing it would let one process lock the old file and another a new
/// one.
package final class FileLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock, waiting for another holder if `waits`.
    ///
    /// - Throws: `FileError`; its code is `EWOULDBLOCK` when another process holds the lock and `waits` is false.
    package init(path: String, waits: Bool) throws(FileError) {
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
        while flock(descriptor, LOCK_EX | (waits ? 0 : LOCK_NB)) != 0 {
            let code = errno
            if code == EINTR { continue }
            close(descriptor)
            throw FileError(path: path, operation: "lock", code: code)
        }
    }

    /// Takes the lock of a file that stands for `output`, without waiting.
    ///
    /// - Throws: `FormatError.runInProgress` naming `output` when another writer holds it; `FileError`.
    package static func taken(path: String, toWrite output: String) throws -> FileLock {
        do {
            return try FileLock(path: path, waits: false)
        } catch {
            throw error.code == EWOULDBLOCK ? FormatError.runInProgress(path: output) : error
        }
    }

    deinit { close(descriptor) }
}
