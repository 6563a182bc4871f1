// Writes a result where the user asked for it: a plain file is replaced as a whole, a device, pipe or link is written into.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Writes to paths that the user chose, which need not be plain files.
package enum ResultFile {
    /// Writes all bytes.
    ///
    /// A plain file, or a name that is free, gets its bytes in one step (`FileSystem.writeDurably`). Anything else, such as a
    /// FIFO, `/dev/null` or a link, stays what it is and is written into; standard output is appended to.
    ///
    /// - Throws: `FileError`.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        if isPlain(path) { return try FileSystem.writeDurably(bytes, to: path) }

        let descriptor = try open(path)
        var done = 0
        var code: Int32 = 0
        while done < bytes.count, code == 0 {
            let written = unsafe bytes[done...].withUnsafeBytes {
                unsafe writeBytes(descriptor, $0.baseAddress, $0.count)
            }
            if written >= 0 { done += written } else if errno != EINTR { code = errno }
        }
        if close(descriptor) != 0, code == 0 { code = errno }
        guard code == 0 else { throw FileError(path: path, operation: "write", code: code) }
    }

    /// Whether a path is a plain file, or a name that is free for one.
    package static func isPlain(_ path: String) -> Bool {
        var named = stat()
        return unsafe lstat(path, &named) != 0 || named.st_mode & S_IFMT == S_IFREG
    }

    /// A descriptor for writing into what `path` leads to.
    private static func open(_ path: String) throws(FileError) -> Int32 {
        var target = stat()
        var output = stat()
        let exists = unsafe stat(path, &target) == 0
        let descriptor: Int32
        if exists, unsafe fstat(STDOUT_FILENO, &output) == 0, target.st_dev == output.st_dev,
            target.st_ino == output.st_ino
        {
            // Opened anew, a file behind standard output would be overwritten from its start.
            fflush(nil)
            descriptor = dup(STDOUT_FILENO)
        } else {
            // Opening a dangling link creates the file that it names.
            descriptor = unsafe openFile(path, O_WRONLY | O_CLOEXEC | (exists ? O_TRUNC : O_CREAT))
        }
        guard descriptor >= 0 else { throw FileError(path: path, operation: "open", code: errno) }
        return descriptor
    }
}

// The system's functions, which those of `ResultFile` would hide.

private func openFile(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 { unsafe open(path, flags, 0o666) }

private func writeBytes(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, start, count)
}
