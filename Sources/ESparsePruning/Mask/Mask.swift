// From saliencies to the bits of an N:M mask, and from a mask to the weights it keeps.

package import ESparseCore
package import ESparseKernels

/// The N:M mask of one linear, in permuted column order.
package enum Mask {
    /// Bits of the kept weights, `[rows, (columns + 7) / 8]` as in `SparseMatrix`.
    ///
    /// In each row and each group of M consecutive permuted channels exactly the N largest saliencies are kept; ties keep
    /// the lower permuted index. `saliency` `[rows, columns]` is in original column order.
    package static func bits(
        saliency: [Float], rows: Int, columns: Int, pattern: SparsityPattern, permutation: Permutation?,
        parallel: ParallelLoop
    ) -> [UInt8] {
        MaskKernels.maskBits(
            saliency: saliency, rows: rows, columns: columns, pattern: pattern, permutation: permutation,
            parallel: parallel)
    }

    /// The kept weights of `weight` `[rows, columns]` (original column order), row-major in permuted order, bit for bit in
    /// the weight's own type: `[rows, columns * N / M]`.
    ///
    /// - Throws: `TensorError` when the weight is not a floating-point matrix.
    package static func keptValues(
        of weight: Tensor, bits: [UInt8], pattern: SparsityPattern, permutation: Permutation?
    ) throws(TensorError) -> Tensor {
        guard weight.elementType.isFloatingPoint else { throw .notFloatingPoint(weight.elementType) }
        let keptPerRow = weight.columns / pattern.group * pattern.kept
        precondition(bits.count == weight.rows * ((weight.columns + 7) / 8))
        precondition(permutation.map { $0.count == weight.columns } ?? true)
        let values: ByteStorage = unsafe weight.withUnsafeBytes { source in
            if weight.elementType.byteCount == 2 {
                unsafe gather(UInt16.self, source, weight, bits, keptPerRow, permutation)
            } else {
                unsafe gather(UInt32.self, source, weight, bits, keptPerRow, permutation)
            }
        }
        return try Tensor(elementType: weight.elementType, shape: [weight.rows, keptPerRow], storage: values)
    }

    private static func gather<Element: FixedWidthInteger & BitwiseCopyable>(
        _ type: Element.Type, _ source: UnsafeRawBufferPointer, _ weight: Tensor, _ bits: [UInt8], _ keptPerRow: Int,
        _ permutation: Permutation?
    ) -> ByteStorage {
        let size = MemoryLayout<Element>.size
        let columns = weight.columns
        let bytesPerRow = (columns + 7) / 8
        return unsafe ByteStorage(byteCount: weight.rows * keptPerRow * size) { target in
            for row in 0..<weight.rows {
                var next = row * keptPerRow
                for byte in 0..<bytesPerRow {
                    var pending = bits[row * bytesPerRow + byte]
                    while pending != 0 {
                        let position = byte * 8 + pending.trailingZeroBitCount
                        pending &= pending - 1
                        let column = permutation.map { Int($0.order[position]) } ?? position
                        let value = unsafe source.loadUnaligned(
                            fromByteOffset: (row * columns + column) * size, as: Element.self)
                        unsafe target.storeBytes(of: value, toByteOffset: next * size, as: Element.self)
                        next += 1
                    }
                }
                precondition(next == (row + 1) * keptPerRow, "the mask does not keep N of every M weights")
            }
        }
    }
}
