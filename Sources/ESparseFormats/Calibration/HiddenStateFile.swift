// The hidden states of the calibration set, in a file, so that memory stays bounded and a crash loses nothing.

public import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Hidden states of all calibration sequences at one point of the model: F32 `[sequences, tokens, hidden size]`.
///
/// One sequence is in memory at a time; the system's page cache holds what it has room for.
public final class HiddenStateFile: Sendable {
    /// The file.
    public let path: String
    /// Number of sequences.
    public let sequenceCount: Int
    /// Values of one sequence: tokens times hidden size.
    public let valuesPerSequence: Int
    private let descriptor: Int32

    /// Opens the file, and creates it where it does not exist; contents are kept.
    ///
    /// - Throws: `FileError`.
    public init(path: String, sequenceCount: Int, valuesPerSequence: Int) throws(FileError) {
        self.path = path
        self.sequenceCount = sequenceCount
        self.valuesPerSequence = valuesPerSequence
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path: path, operation: "create", code: errno) }
    }

    deinit { close(descriptor) }

    /// Size of the whole file in bytes.
    public var byteCount: Int { sequenceCount * valuesPerSequence * MemoryLayout<Float>.size }

    /// The values of one sequence, row-major `[tokens, hidden size]`.
    ///
    /// - Throws: `FileError` when the file is shorter than it should be or cannot be read.
    public func read(sequence: Int) throws(FileError) -> [Float] {
        precondition(sequence >= 0 && sequence < sequenceCount)
        let start = sequence * valuesPerSequence * MemoryLayout<Float>.size
        var failure: Int32 = 0
        let values = unsafe [Float](unsafeUninitializedCapacity: valuesPerSequence) { buffer, initialized in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            failure = transfer(bytes.count) { done in
                unsafe pread(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(start + done))
            }
            initialized = failure == 0 ? valuesPerSequence : 0
        }
        guard failure == 0 else { throw FileError(path: path, operation: "read", code: failure) }
        return values
    }

    /// Replaces the values of one sequence.
    ///
    /// - Throws: `FileError`, for example when the disk is full.
    public func write(_ values: [Float], sequence: Int) throws(FileError) {
        precondition(sequence >= 0 && sequence < sequenceCount && values.count == valuesPerSequence)
        let start = sequence * valuesPerSequence * MemoryLayout<Float>.size
        let failure = unsafe values.withUnsafeBytes { bytes in
            transfer(bytes.count) { done in
                unsafe pwrite(
                    descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(start + done))
            }
        }
        guard failure == 0 else { throw FileError(path: path, operation: "write", code: failure) }
    }

    /// Waits until everything written is on the disk.
    ///
    /// - Throws: `FileError`.
    public func synchronize() throws(FileError) {
        guard fdatasync(descriptor) == 0 else { throw FileError(path: path, operation: "write", code: errno) }
    }

    /// Repeats `step` (bytes done so far to bytes done by it) until `count` bytes are done; 0 or the error number.
    private func transfer(_ count: Int, step: (Int) -> Int) -> Int32 {
        var done = 0
        while done < count {
            let moved = step(done)
            if moved < 0, errno == EINTR { continue }
            guard moved > 0 else { return moved == 0 ? EIO : errno }
            done += moved
        }
        return 0
    }
}
