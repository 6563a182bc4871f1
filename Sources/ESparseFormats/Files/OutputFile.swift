// A file that is written under a temporary name and renamed when it is complete.

package import ESparseCore

/// A file that appears under its name only when `commit` has made all its bytes durable.
///
/// Dropping it without `commit` removes the temporary file.
package final class OutputFile {
    /// Name of the finished file.
    package let path: String
    private let file: WritableFile
    private var isTemporary = true

    /// What a temporary file's name ends with.
    package static let temporarySuffix = ".partial"

    /// Creates the temporary file.
    ///
    /// - Parameters:
    ///   - path: name of the finished file.
    ///   - temporary: its name until then, on the same disk; `<path>.partial` where not given. Processes that may write the same
    ///     file at the same time need a name of their own each.
    /// - Throws: `FileError` when the folder is missing, read-only or full.
    package init(path: String, temporary: String? = nil) throws(FileError) {
        self.path = path
        file = try WritableFile(creating: temporary ?? path + OutputFile.temporarySuffix)
    }

    deinit {
        // Nobody waits for an output that failed; what stays is a temporary file that the next run removes.
        if isTemporary { try? FileSystem.remove(file.path) }
    }

    /// Writes all bytes at a position.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        try unsafe file.write(bytes, at: offset)
    }

    /// Writes all bytes at a position.
    package func write(_ bytes: [UInt8], at offset: Int) throws(FileError) { try file.write(bytes, at: offset) }

    /// Writes a tensor's bytes at a position.
    package func write(_ tensor: Tensor, at offset: Int) throws(FileError) { try file.write(tensor, at: offset) }

    /// Gives the file a size; bytes that nobody has written are 0.
    package func extend(to byteCount: Int) throws(FileError) { try file.extend(to: byteCount) }

    /// Makes the bytes durable and gives the file its name.
    package func commit() throws(FileError) {
        try file.synchronize()
        try file.close()
        try FileSystem.rename(file.path, to: path)
        isTemporary = false
    }
}
