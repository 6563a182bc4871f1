// A file of lines that grows by one durable line at a time, for work that must not lose what it has done.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines that survive a crash: a line is there whole or not at all.
///
/// One process holds the file at a time, until the object is dropped; a file without lines is then removed.
package final class JournalFile {
    /// The file.
    package let path: String
    /// The lines that were there when it was opened, without their line ends.
    package let lines: [[UInt8]]
    private let descriptor: Int32
    private var byteCount: Int

    /// Opens a journal or makes an empty one. A last line without its end, as a crash leaves it, is cut off.
    ///
    /// - Throws: `FormatError.runInProgress` when another process holds it; `FileError`.
    package init(path: String) throws {
        self.path = path
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
        byteCount = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            close(descriptor)
            throw code == EWOULDBLOCK
                ? FormatError.runInProgress(path: path) : FileError(path: path, operation: "lock", code: code)
        }
        let bytes: [UInt8]
        do { bytes = try FileSystem.read(path) } catch {
            close(descriptor)
            throw error
        }
        byteCount = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        lines = bytes[..<byteCount].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .dropLast().map(Array.init)
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(path: path, operation: "shorten", code: code)
        }
    }

    deinit {
        if byteCount == 0 { unsafe unlink(path) }
        close(descriptor)
    }

    /// Removes all lines.
    ///
    /// - Throws: `FileError`.
    package func clear() throws(FileError) {
        guard ftruncate(descriptor, 0) == 0 else { throw FileError(path: path, operation: "shorten", code: errno) }
        byteCount = 0
    }

    /// Adds a line, which must hold no line end, and makes it durable.
    ///
    /// - Throws: `FileError`.
    package func append(_ line: [UInt8]) throws(FileError) {
        let bytes = line + [UInt8(ascii: "\n")]
        var done = 0
        while done < bytes.count {
            let written = unsafe bytes[done...].withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(byteCount + done))
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError(path: path, operation: "write", code: errno)
            }
            done += written
        }
        guard fsync(descriptor) == 0 else { throw FileError(path: path, operation: "write", code: errno) }
        byteCount += bytes.count
    }

    /// Removes the file; what was in it is no longer needed.
    ///
    /// - Throws: `FileError`.
    package func remove() throws(FileError) { try FileSystem.remove(path) }
}
