// An immutable run of bytes: a file mapped into memory, or memory of our own.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An immutable run of bytes that tensors point into.
///
/// Mapped bytes are read from the file when first touched, so opening a checkpoint costs nothing until a tensor is used.
/// The bytes are never written after `init`, so the class is `Sendable`.
@safe public final class ByteStorage: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let isMapped: Bool

    /// Number of bytes.
    public let byteCount: Int

    /// Allocates `byteCount` zeroed bytes (64-byte aligned) and lets `initialize` fill them.
    package init(byteCount: Int, initialize: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        precondition(byteCount >= 0)
        self.byteCount = byteCount
        isMapped = false
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
        try unsafe initialize(buffer)
    }

    /// Copies an array's elements.
    public convenience init<Element: BitwiseCopyable>(copying elements: [Element]) {
        unsafe self.init(byteCount: elements.count * MemoryLayout<Element>.stride) { bytes in
            unsafe elements.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) }
        }
    }

    /// Maps a whole file, read-only.
    ///
    /// - Throws: `FileError` when the file cannot be opened or mapped.
    public init(mapping path: String) throws(FileError) {
        // Without O_NONBLOCK, opening a pipe would wait for a writer.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "open", code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw FileError(path: path, operation: "read the size of", code: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(
                path: path, operation: "read parts of",
                code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : ESPIPE)
        }
        byteCount = Int(status.st_size)
        isMapped = byteCount > 0
        guard byteCount > 0 else {
            unsafe base = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 64)
            return
        }
        let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw FileError(path: path, operation: "map", code: errno)
        }
        unsafe base = address
    }

    deinit {
        if isMapped {
            unsafe munmap(base, byteCount)
        } else {
            unsafe base.deallocate()
        }
    }

    /// Releases the memory of the whole pages in `range` of a mapped file; they are read again when next touched.
    package func releasePages(_ range: Range<Int>) {
        guard isMapped else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        // Failure is harmless: the pages stay in memory.
        if first < end { _ = unsafe madvise(base + first, end - first, MADV_DONTNEED) }
    }

    /// Calls `body` with the bytes; the pointer must not outlive the call.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try unsafe body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }
}

/// A file could not be used.
public struct FileError: Error, CustomStringConvertible {
    /// The file or folder.
    public let path: String
    /// What was attempted, as a verb that fits "cannot … <path>".
    public let operation: String
    /// The system's error number.
    public let code: Int32

    /// Makes an error from the system's error number.
    public init(path: String, operation: String, code: Int32) {
        self.path = path
        self.operation = operation
        self.code = code
    }

    /// The system's words for the error number.
    public var reason: String { unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)" }

    /// One sentence for the user.
    public var description: String {
        "cannot \(operation) \(path): \(reason)"
    }
}
