// An open file that is written at any position.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file open for writing at any position, closed when it is dropped.
package final class WritableFile {
    /// Where the file is.
    package let path: String
    private var descriptor: Int32

    /// Creates an empty file, replacing one that is there.
    ///
    /// - Throws: `FileError` when the folder is missing, read-only or full.
    package init(creating path: String) throws(FileError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
    }

    /// Opens a file that is there; its bytes stay.
    ///
    /// - Throws: `FileError`.
    package init(opening path: String) throws(FileError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "open", code: errno) }
    }

    deinit {
        if descriptor >= 0 { _ = closeDescriptor(descriptor) }
    }

    /// Writes all bytes at a position.
    ///
    /// - Throws: `FileError`, for example when the disk is full.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        precondition(descriptor >= 0)
        var done = 0
        while done < bytes.count {
            let written = unsafe pwrite(
                descriptor, UnsafeRawBufferPointer(rebasing: bytes[done...]).baseAddress, bytes.count - done,
                off_t(offset + done))
            if written < 0 {
                if errno == EINTR { continue }
                throw FileError(path: path, operation: "write", code: errno)
            }
            done += written
        }
    }

    /// Writes all bytes at a position.
    ///
    /// - Throws: `FileError`, for example when the disk is full.
    package func write(_ bytes: [UInt8], at offset: Int) throws(FileError) {
        do {
            try unsafe bytes.withUnsafeBytes { try unsafe write($0, at: offset) }
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(path: path, operation: "write", code: EIO)
        }
    }

    /// Writes a tensor's bytes at a position.
    ///
    /// - Throws: `FileError`, for example when the disk is full.
    package func write(_ tensor: Tensor, at offset: Int) throws(FileError) {
        do {
            try unsafe tensor.withUnsafeBytes { try unsafe write($0, at: offset) }
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(path: path, operation: "write", code: EIO)
        }
    }

    /// Gives the file a size; bytes that nobody has written are 0 and take no room on the disk yet.
    ///
    /// - Throws: `FileError`.
    package func extend(to byteCount: Int) throws(FileError) {
        precondition(descriptor >= 0)
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            throw FileError(path: path, operation: "write", code: errno)
        }
    }

    /// Waits until everything written is on the disk.
    ///
    /// - Throws: `FileError`.
    package func synchronize() throws(FileError) {
        precondition(descriptor >= 0)
        guard fsync(descriptor) == 0 else { throw FileError(path: path, operation: "write", code: errno) }
    }

    /// Closes the file; nothing can be written afterwards.
    ///
    /// - Throws: `FileError` where the system learns only now that something could not be written.
    package func close() throws(FileError) {
        precondition(descriptor >= 0)
        let closed = closeDescriptor(descriptor)
        let code = errno
        descriptor = -1
        guard closed == 0 else { throw FileError(path: path, operation: "close", code: code) }
    }
}

/// The system's `close`, which the method would hide.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
