// The hidden states of the calibration set in a file, so that memory stays bounded and a run can go on after a crash.

public import ESparseCore
import Synchronization

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

    /// Reads the values of one sequence, row-major `[tokens, hidden size]`.
    ///
    /// - Parameters:
    ///   - sequence: which one, in `[0, sequenceCount)`.
    ///   - values: the place for `valuesPerSequence` values.
    ///   - parallel: calls its body with every index below a count; pieces of the file are copied on its threads.
    /// - Throws: `FileError` when the file is shorter than it should be or cannot be read.
    public func read(
        sequence: Int, into values: inout MutableSpan<Float>,
        parallel: (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void
    ) throws(FileError) {
        precondition(sequence >= 0 && sequence < sequenceCount && values.count == valuesPerSequence)
        let start = sequence * valuesPerSequence * MemoryLayout<Float>.size
        let failure = unsafe values.withUnsafeMutableBufferPointer { buffer in
            nonisolated(unsafe) let bytes = UnsafeMutableRawBufferPointer(buffer)
            return unsafe transfer(bytes.count, parallel) { [descriptor] range in
                unsafe pread(
                    descriptor, bytes.baseAddress?.advanced(by: range.lowerBound), range.count,
                    off_t(start + range.lowerBound))
            }
        }
        guard failure == 0 else { throw FileError(path: path, operation: "read", code: failure) }
    }

    /// Replaces the values of one sequence; `parallel` as for `read`.
    ///
    /// - Throws: `FileError`, for example when the disk is full.
    public func write(
        _ values: Span<Float>, sequence: Int, parallel: (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void
    ) throws(FileError) {
        precondition(sequence >= 0 && sequence < sequenceCount && values.count == valuesPerSequence)
        let start = sequence * valuesPerSequence * MemoryLayout<Float>.size
        let failure = unsafe values.withUnsafeBytes { buffer in
            nonisolated(unsafe) let bytes = unsafe buffer
            return unsafe transfer(bytes.count, parallel) { [descriptor] range in
                unsafe pwrite(
                    descriptor, bytes.baseAddress?.advanced(by: range.lowerBound), range.count,
                    off_t(start + range.lowerBound))
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

    /// Repeats `step` (bytes to do to bytes done) until `[0, count)` is done, in pieces; 0 or an error number.
    private func transfer(
        _ count: Int, _ parallel: (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void,
        step: @escaping @Sendable (Range<Int>) -> Int
    ) -> Int32 {
        let failure = Atomic<Int32>(0)
        let pieceSize = 1 << 18
        parallel((count + pieceSize - 1) / pieceSize) { piece in
            var rest = piece * pieceSize..<min((piece + 1) * pieceSize, count)
            while !rest.isEmpty {
                let moved = step(rest)
                if moved < 0, errno == EINTR { continue }
                guard moved > 0 else { return failure.store(moved == 0 ? EIO : errno, ordering: .relaxed) }
                rest = rest.lowerBound + moved..<rest.upperBound
            }
        }
        return failure.load(ordering: .relaxed)
    }
}
