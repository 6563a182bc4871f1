// Reads files that cannot be mapped because they have no size: pipes, devices, and those under /proc.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads streams to their end.
package enum ByteStream {
    /// All bytes that come out of the file at `path`; nil where there are more than `limit`.
    ///
    /// - Throws: `FileError` when it cannot be opened or read.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "open", code: errno) }
        defer { close(descriptor) }
        return try read(descriptor: descriptor, named: path, limit: limit)
    }

    /// All bytes that come out of an open file, which stays open; nil where there are more than `limit`.
    ///
    /// `beforeEach` is called before each read that may wait; `name` is for the error.
    /// - Throws: `FileError` when it cannot be read.
    package static func read(
        descriptor: Int32, named name: String, limit: Int, beforeEach: () -> Void = {}
    ) throws(FileError) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            beforeEach()
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe next(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: name, operation: "read", code: errno) }
            if count == 0 { return bytes }
            guard count <= limit - bytes.count else { return nil }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}

/// The system's `read`, which the functions above would hide.
private func next(_ descriptor: Int32, _ start: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(descriptor, start, count)
}
