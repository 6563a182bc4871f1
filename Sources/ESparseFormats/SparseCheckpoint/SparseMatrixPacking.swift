// Packs a dense weight and a mask into a sparse matrix, and unpacks it again.

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
        let storage = Packing.gather.moved(
            weight, count: rows * keptPerRow, mask: bitmask, columns: columns, permutation: permutation)
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
        let storage = Packing.scatter.moved(
            values, count: rows * columns, mask: bitmask, columns: columns, permutation: permutation)
        return try Tensor(elementType: values.elementType, shape: [rows, columns], storage: storage)
    }
}

extension LinearWeight {
    /// The weight `[R, C]` as a dense tensor with zeros, columns in the original order.
    ///
    /// - Throws: `TensorError`, never for a weight that was read.
    package func plainTensor() throws -> Tensor {
        switch matrix {
        case .dense(let tensor): permutation.map { tensor.gatheringColumns($0.inverse.order) } ?? tensor
        case .sparse(let sparse): try sparse.decompressed(permutation: permutation)
        }
    }
}

/// Moves the bits of kept values between their places in a dense matrix and a packed run.
private enum Packing {
    /// From the dense matrix to the packed run.
    case gather
    /// From the packed run to the dense matrix.
    case scatter

    /// Makes `count` elements of the type of `input`, zero where nothing is moved to.
    func moved(_ input: Tensor, count: Int, mask: Tensor, columns: Int, permutation: Permutation?) -> ByteStorage {
        unsafe ByteStorage(byteCount: count * input.elementType.byteCount) { output in
            unsafe input.withUnsafeBytes { bytes in
                unsafe mask.withUnsafeBytes { bits in
                    if input.elementType == .float32 {
                        unsafe move(UInt32.self, bytes, bits, columns, permutation?.order, into: output)
                    } else {
                        unsafe move(UInt16.self, bytes, bits, columns, permutation?.order, into: output)
                    }
                }
            }
        }
    }

    /// `Bits` has the width of the element type.
    private func move<Bits: FixedWidthInteger & BitwiseCopyable>(
        _: Bits.Type, _ input: UnsafeRawBufferPointer, _ mask: UnsafeRawBufferPointer, _ columns: Int,
        _ order: [Int32]?, into output: UnsafeMutableRawBufferPointer
    ) {
        let size = MemoryLayout<Bits>.size
        let negativeZero: Bits = 1 << (Bits.bitWidth - 1)
        let isGathering = self == .gather
        let packedByteCount = isGathering ? output.count : input.count
        var packed = 0
        unsafe Packing.forEachKept(mask, columns: columns) { row, column in
            // A mask with too many bits is refused when the matrix is made; until then it must not write out of bounds.
            guard column < columns, packed < packedByteCount else { return }
            let dense = (row * columns + (order.map { Int($0[column]) } ?? column)) * size
            let (source, target) = isGathering ? (dense, packed) : (packed, dense)
            let bits = unsafe input.loadUnaligned(fromByteOffset: source, as: Bits.self)
            unsafe output.storeBytes(of: bits == negativeZero ? 0 : bits, toByteOffset: target, as: Bits.self)
            packed += size
        }
    }

    @inline(__always)
    private static func forEachKept(
        _ mask: UnsafeRawBufferPointer, columns: Int, _ body: (_ row: Int, _ column: Int) -> Void
    ) {
        let bytesPerRow = (columns + 7) / 8
        for row in 0..<(bytesPerRow == 0 ? 0 : mask.count / bytesPerRow) {
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
