// From saliencies to the bits of an N:M mask.

import ESparseCPU
package import ESparseCore

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

    /// The share of `saliency` `[rows, columns]`, in original column order, that bits `[rows, (columns + 7) / 8]`, in permuted
    /// order, keep; nil where all of it is 0.
    package static func retainedShare(
        of saliency: [Float], bits: [UInt8], columns: Int, permutation: Permutation?
    ) -> Double? {
        let order = (permutation ?? .identity(columns)).order
        let (rows, bytes) = (saliency.count / columns, (columns + 7) / 8)
        var (kept, all) = (0.0, 0.0)
        for row in 0..<rows {
            for place in 0..<columns {
                let value = Double(saliency[row * columns + Int(order[place])])
                all += value
                if bits[row * bytes + place / 8] >> UInt8(place % 8) & 1 == 1 { kept += value }
            }
        }
        return all > 0 ? kept / all : nil
    }
}
