// A 2:4 weight in cuSPARSELt's own compressed form, which fits one kind of device and is never stored.

import CESparseCUDA

/// A compressed weight `[rows, columns]` on a device.
package final class SparseWeight: Sendable {
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// Type of the values.
    package let type: HalfType
    /// Bytes of the compressed form on the device: values, positions and cuSPARSELt's padding.
    package var byteCount: Int { compressed.byteCount }
    let compressed: DeviceBuffer

    init(dense: DeviceSlice, rows: Int, columns: Int, type: HalfType, multiplier: SparseMultiplier) throws(CUDAError) {
        precondition(dense.byteCount >= rows * columns * 2, "the dense weight is too small")
        precondition(dense.address % 16 == 0, "an address is not a multiple of 16 bytes")
        let matrix = try multiplier.structuredMatrix(rows: rows, columns: columns, type: type)
        guard try Self.isTwoOfFour(dense, matrix, multiplier) else { throw .notTwoOfFour(rows: rows, columns: columns) }

        let (library, device) = (multiplier.library, multiplier.device)
        var compressedBytes = 0
        var scratchBytes = 0
        try library.check(
            unsafe library.functions.compressedSize(
                multiplier.handle.start, matrix.start, &compressedBytes, &scratchBytes),
            "tell the compressed size of a \(rows)x\(columns) weight")
        let compressed = try device.allocate(compressedBytes)
        let scratch = try device.allocate(scratchBytes)
        try library.check(
            unsafe library.functions.compress(
                multiplier.handle.start, matrix.start, 1, Int32(esparse_sparse_as_is), dense.address,
                compressed.address, scratch.address, device.stream),
            "compress a \(rows)x\(columns) weight")
        withExtendedLifetime((dense, scratch)) {}
        self.rows = rows
        self.columns = columns
        self.type = type
        self.compressed = compressed
    }

    /// Whether cuSPARSELt finds no more than 2 nonzero elements in any 4 neighbours of a row; waits for the device.
    private static func isTwoOfFour(
        _ dense: DeviceSlice, _ matrix: SparseOpaque, _ multiplier: SparseMultiplier
    ) throws(CUDAError) -> Bool {
        let library = multiplier.library
        let verdict = try multiplier.device.buffer([Int32(0)])
        try library.check(
            unsafe library.functions.pruneCheck(
                multiplier.handle.start, matrix.start, 1, Int32(esparse_sparse_as_is), dense.address, verdict.address,
                multiplier.device.stream),
            "check a weight")
        return try verdict.all.download(Int32.self, count: 1)[0] == 0
    }
}
