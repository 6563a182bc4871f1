// A file that grows from its start under a temporary name, and that a later process can go on with.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file that is written from its start to its end and named when it is complete.
///
/// Unlike `OutputFile` it keeps its temporary file when writing breaks off, so that the next writer goes on at its end. Two
/// writers must be kept apart by a lock.
package final class ResumableFile {
    private let path: String
    private let descriptor: Int32

    /// Bytes that are there.
    package private(set) var byteCount: Int

    /// Opens what an earlier writer left at `path`, or creates an empty file.
    ///
    /// - Throws: `FileError`; its code is `ENOTSUP` where something other than a plain file has the name.
    package init(path: String) throws(FileError) {
        self.path = path
        // Without O_NONBLOCK, opening a pipe would wait for its other end.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError(path: path, operation: "continue", code: ENOTSUP)
        }
        byteCount = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// The bytes from `offset` on, at most `limit` of them; none at the end.
    package func read(from offset: Int, limit: Int) throws(FileError) -> [UInt8] {
        let wanted = max(0, min(limit, byteCount - offset))
        var code: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            while count < wanted, code == 0 {
                let taken = unsafe pread(
                    descriptor,
                    UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                        .baseAddress, wanted - count, off_t(offset + count))
                if taken > 0 {
                    count += taken
                } else if taken == 0 {
                    code = EIO
                } else if errno != EINTR {
                    code = errno
                }
            }
        }
        guard code == 0 else { throw FileError(path: path, operation: "read", code: code) }
        return bytes
    }

    /// Writes bytes at the end.
    package func append(_ bytes: [UInt8]) throws(FileError) {
        var code: Int32 = 0
        var done = 0
        while done < bytes.count, code == 0 {
            let written = unsafe bytes[done...].withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(byteCount))
            }
            if written >= 0 {
                done += written
                byteCount += written
            } else if errno != EINTR {
                code = errno
            }
        }
        guard code == 0 else { throw FileError(path: path, operation: "write", code: code) }
    }

    /// Drops all bytes.
    package func empty() throws(FileError) {
        guard ftruncate(descriptor, 0) == 0 else { throw FileError(path: path, operation: "shorten", code: errno) }
        byteCount = 0
    }

    /// Makes the bytes durable and gives the file its name, replacing one that has it.
    package func commit(as name: String) throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError(path: path, operation: "write", code: errno) }
        try FileSystem.rename(path, to: name)
    }
}
