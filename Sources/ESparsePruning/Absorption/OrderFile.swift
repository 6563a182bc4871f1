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

    /// The order in a file; nil where there is none of `count` channels.
    ///
    /// - Throws: `FileError` when the file is there and cannot be read.
    static func read(_ path: String, count: Int) throws -> Permutation? {
        guard FileSystem.exists(path) else { return nil }
        let stored = CalibrationSet(littleEndian: try FileSystem.read(path), sequenceLength: count)
        guard let sequences = stored?.sequences, sequences.count == 1 else { return nil }
        return Permutation(sequences[0])
    }
}
