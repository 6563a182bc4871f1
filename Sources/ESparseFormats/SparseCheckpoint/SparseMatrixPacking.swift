// From a dense weight and a mask to a sparse matrix, and back.

package import ESparseCore

extension SparseMatrix {
    /// Packs a dense weight: kept values are copied bit for bit, except that a kept -0.0 becomes +0.0.
    ///
    /// - Parameters:
    ///   - weight: `[R, C]` in any floating-point type, columns in the original order.
    ///   - bitmask: U8 `[R, (C + 7) / 8]`, columns in permuted order; exactly N bits in each group.
    ///   - permutation: stored column `j` is column `order[j]` of `weight`; nil leaves them in place.
    /// - Throws: `SparseMatrixError` when the mask does not fit the weight or the pattern.
    package static func compress(
        _ weight: Tensor, bitmask: Tensor, pattern: SparsityPattern, permutation: Permutation? = nil
    ) throws -> SparseMatrix {
        precondition(weight.elementType.isFloatingPoint && weight.shape.count == 2)
        precondition(permutation.map { $0.count == weight.columns } ?? true)
        let (rows, columns) = (weight.rows, weight.columns)
        guard columns % pattern.group == 0 else {
            throw SparseMatrixError.indivisible(columns: columns, pattern: pattern)
        }
        let keptPerRow = columns / pattern.group * pattern.kept
        let maskShape = [rows, (columns + 7) / 8]
        guard bitmask.elementType == .uint8, bitmask.shape == maskShape else {
            throw SparseMatrixError.bitmask(type: bitmask.elementType, shape: bitmask.shape, expected: maskShape)
        }
        let storage = unsafe ByteStorage(byteCount: rows * keptPerRow * weight.elementType.byteCount) { output in
            unsafe weight.withUnsafeBytes { input in
                unsafe bitmask.withUnsafeBytes { mask in
                    if weight.elementType == .float32 {
                        unsafe Packing<UInt32>.gather(
                            input, mask, columns: columns, rows: rows, order: permutation?.order, into: output)
                    } else {
                        unsafe Packing<UInt16>.gather(
                            input, mask, columns: columns, rows: rows, order: permutation?.order, into: output)
                    }
                }
            }
        }
        let values = try Tensor(elementType: weight.elementType, shape: [rows, keptPerRow], storage: storage)
        return try SparseMatrix(rows: rows, columns: columns, pattern: pattern, values: values, bitmask: bitmask)
    }

    /// Packs a mask of one truth value a weight, row-major `[rows, columns]`, into the bits that `compress` takes.
    package static func bitmask(_ kept: [Bool], rows: Int, columns: Int) throws -> Tensor {
        precondition(kept.count == rows * columns)
        let bytesPerRow = (columns + 7) / 8
        var bytes = [UInt8](repeating: 0, count: rows * bytesPerRow)
        for row in 0..<rows {
            for column in 0..<columns where kept[row * columns + column] {
                bytes[row * bytesPerRow + column / 8] |= 1 << UInt8(column % 8)
            }
        }
        return try Tensor(elementType: .uint8, shape: [rows, bytesPerRow], storage: ByteStorage(copying: bytes))
    }

    /// The dense weight `[R, C]` in the stored type, with +0.0 where nothing is kept.
    ///
    /// - Parameter permutation: where given, columns go back to the original order: stored column `j` becomes column
    ///   `order[j]`; nil leaves them as they are stored.
    package func decompressed(permutation: Permutation? = nil) throws -> Tensor {
        precondition(permutation.map { $0.count == columns } ?? true)
        let storage = unsafe ByteStorage(byteCount: rows * columns * values.elementType.byteCount) { output in
            unsafe values.withUnsafeBytes { input in
                unsafe bitmask.withUnsafeBytes { mask in
                    if values.elementType == .float32 {
                        unsafe Packing<UInt32>.scatter(
                            input, mask, columns: columns, rows: rows, order: permutation?.order, into: output)
                    } else {
                        unsafe Packing<UInt16>.scatter(
                            input, mask, columns: columns, rows: rows, order: permutation?.order, into: output)
                    }
                }
            }
        }
        return try Tensor(elementType: values.elementType, shape: [rows, columns], storage: storage)
    }
}

/// Moves the bits of kept values; `Bits` has the width of the element type.
private enum Packing<Bits: FixedWidthInteger & BitwiseCopyable> {
    static func gather(
        _ input: UnsafeRawBufferPointer, _ mask: UnsafeRawBufferPointer, columns: Int, rows: Int, order: [Int32]?,
        into output: UnsafeMutableRawBufferPointer
    ) {
        let size = MemoryLayout<Bits>.size
        let negativeZero: Bits = 1 << (Bits.bitWidth - 1)
        var next = 0
        unsafe forEachKept(mask, columns: columns, rows: rows) { row, column in
            // A mask with too many bits is refused when the matrix is made; until then it must do no harm.
            guard column < columns, next < output.count else { return }
            let source = order.map { Int($0[column]) } ?? column
            let bits = unsafe input.loadUnaligned(fromByteOffset: (row * columns + source) * size, as: Bits.self)
            unsafe output.storeBytes(of: bits == negativeZero ? 0 : bits, toByteOffset: next, as: Bits.self)
            next += size
        }
    }

    static func scatter(
        _ input: UnsafeRawBufferPointer, _ mask: UnsafeRawBufferPointer, columns: Int, rows: Int, order: [Int32]?,
        into output: UnsafeMutableRawBufferPointer
    ) {
        let size = MemoryLayout<Bits>.size
        let negativeZero: Bits = 1 << (Bits.bitWidth - 1)
        var next = 0
        unsafe forEachKept(mask, columns: columns, rows: rows) { row, column in
            let target = order.map { Int($0[column]) } ?? column
            let bits = unsafe input.loadUnaligned(fromByteOffset: next, as: Bits.self)
            unsafe output.storeBytes(
                of: bits == negativeZero ? 0 : bits, toByteOffset: (row * columns + target) * size, as: Bits.self)
            next += size
        }
    }

    @inline(__always)
    private static func forEachKept(
        _ mask: UnsafeRawBufferPointer, columns: Int, rows: Int, _ body: (_ row: Int, _ column: Int) -> Void
    ) {
        let bytesPerRow = (columns + 7) / 8
        for row in 0..<rows {
            for byte in 0..<bytesPerRow {
                var bits = unsafe mask[row * bytesPerRow + byte]
                while bits != 0 {
                    body(row, byte * 8 + bits.trailingZeroBitCount)
                    bits &= bits - 1
                }
            }
        }
    }
}
