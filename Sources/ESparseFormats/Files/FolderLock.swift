// Keeps two processes from writing one folder at the same time.

import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Holds a folder for one writer until it is dropped; the system lets go of it when the process dies, however it dies.
package final class FolderLock: Sendable {
    /// Name of the file that is locked.
    package static let fileName = "lock"

    private let descriptor: Int32

    /// Takes the lock, without waiting.
    ///
    /// - Throws: `FormatError.runInProgress` when another writer holds it; `FileError`.
    package init(folder: String) throws {
        let path = folder + "/" + FolderLock.fileName
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK
                ? FormatError.runInProgress(path: folder) as any Error
                : FileError(path: path, operation: "lock", code: code)
        }
    }

    deinit { close(descriptor) }
}
