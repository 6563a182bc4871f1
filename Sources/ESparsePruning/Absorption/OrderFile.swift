// Orders of channels in files beside an unfinished run.

import ESparseCore
import ESparseFormats

/// A file that holds one order: I32 `[channels]`, little-endian.
enum OrderFile {
    /// Stores an order, durable when this returns.
    ///
    /// - Throws: `FileError`.
    static func write(_ order: Permutation, to path: String) throws {
        try FileSystem.writeDurably(CalibrationSet(sequences: [order.order]).littleEndianBytes, to: path)
    }

    /// The order in a file; nil where there is no file.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - count: how many channels are ordered.
    ///   - runLength: length of the runs that the order keeps to, each of which it permutes within itself.
    /// - Throws: `PruningError.damagedOrder` when the file holds no such order; `FileError`.
    static func read(_ path: String, count: Int, runLength: Int) throws -> Permutation? {
        guard FileSystem.exists(path) else { return nil }
        let stored = CalibrationSet(littleEndian: try FileSystem.read(path), sequenceLength: count)
        guard let sequences = stored?.sequences, sequences.count == 1, let order = Permutation(sequences[0]),
            order.order.enumerated().allSatisfy({ $0 / runLength == Int($1) / runLength })
        else { throw PruningError.damagedOrder(path: path, channels: count) }
        return order
    }
}
