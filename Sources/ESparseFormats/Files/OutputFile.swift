// A file that is written under a temporary name and renamed when it is complete.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that appears under its name only when `commit` has made all its bytes durable.
///
/// Dropping it without `commit` removes the temporary file, which is called `<path>.partial`.
package final class OutputFile {
    /// Name of the finished file.
    package let path: String
    private let temporaryPath: String
    private var descriptor: Int32
    private var isTemporary = false

    /// What a temporary file's name ends with.
    package static let temporarySuffix = ".partial"

    /// Creates the temporary file.
    ///
    /// - Throws: `FileError` when the folder is missing, read-only or full.
    package init(path: String) throws(FileError) {
        self.path = path
        temporaryPath = path + OutputFile.temporarySuffix
        descriptor = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: temporaryPath, operation: "create", code: errno) }
        isTemporary = true
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if isTemporary { unsafe unlink(temporaryPath) }
    }

    /// Writes all bytes at a position.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        precondition(descriptor >= 0)
        var done = 0
        while done < bytes.count {
            let written = unsafe pwrite(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]).baseAddress, bytes.count - done,
                off_t(offset + done))
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError(path: temporaryPath, operation: "write", code: errno)
            }
            done += written
        }
    }

    /// Writes all bytes at a position.
    package func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        do {
            try unsafe bytes.withUnsafeBytes { try unsafe write($0, at: offset) }
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(path: temporaryPath, operation: "write", code: EIO)
        }
    }

    /// Makes the bytes durable and gives the file its name.
    package func commit() throws(FileError) {
        precondition(descriptor >= 0)
        guard fsync(descriptor) == 0 else { throw FileError(path: temporaryPath, operation: "write", code: errno) }
        let closed = close(descriptor)
        let code = errno
        descriptor = -1
        guard closed == 0 else { throw FileError(path: temporaryPath, operation: "close", code: code) }
        try FileSystem.rename(temporaryPath, to: path)
        isTemporary = false
    }
}
