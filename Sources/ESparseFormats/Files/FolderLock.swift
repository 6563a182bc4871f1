// Keeps two processes from writing one folder at the same time.

/// Holds a folder for one writer until it is dropped; the system lets go of it when the process dies, however it dies.
package final class FolderLock: Sendable {
    /// Name of the file that is locked.
    package static let fileName = "lock"

    private let lock: FileLock

    /// Takes the lock, without waiting.
    ///
    /// - Throws: `FormatError.runInProgress` when another writer holds it; `FileError`.
    package init(folder: String) throws {
        lock = try FileLock.taken(path: folder + "/" + FolderLock.fileName, toWrite: folder)
    }
}
