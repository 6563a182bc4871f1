// From saliencies to the bits of an N:M mask.

package import ESparseCore
package import ESparseKernels

/// The N:M mask of one linear, in permuted column order.
package enum Mask {
    /// Bits of the kept weights, `[rows, (columns + 7) / 8]`, as `SparseMatrix` holds them.
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
}
