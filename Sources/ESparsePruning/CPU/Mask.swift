// From saliencies to the bits of an N:M mask, and what the mask keeps of them.

import CESparseCPU
package import ESparseCore

/// The N:M mask of one linear, in permuted column order.
package enum Mask {
    /// Rows that one call of a parallel loop's body handles.
    private static let rowsPerTask = 64

    /// Bits of the kept weights, `[rows, (columns + 7) / 8]`, as `SparseMatrix` holds them.
    ///
    /// In each row and each group of M consecutive permuted channels exactly the N largest saliencies are kept; ties keep
    /// the lower permuted index. `saliency` `[rows, columns]` is in original column order.
    package static func bits(
        saliency: [Float], rows: Int, columns: Int, pattern: SparsityPattern, permutation: Permutation?,
        parallel: ParallelLoop
    ) -> [UInt8] {
        precondition(rows >= 0 && columns > 0 && columns % pattern.group == 0 && saliency.count == rows * columns)
        precondition(permutation.map { $0.count == columns } ?? true)
        let bytesPerRow = (columns + 7) / 8
        return unsafe [UInt8](unsafeUninitializedCapacity: rows * bytesPerRow) { bits, initialized in
            unsafe bits.initialize(repeating: 0)
            unsafe saliency.withUnsafeBufferPointer { saliency in
                // Tasks write disjoint rows of `bits` and only read the rest.
                nonisolated(unsafe) let bits = unsafe bits
                nonisolated(unsafe) let saliency = unsafe saliency
                parallel((rows + rowsPerTask - 1) / rowsPerTask) { task in
                    let first = task * rowsPerTask
                    let count = min(rowsPerTask, rows - first)
                    guard let source = unsafe saliency.baseAddress, let target = unsafe bits.baseAddress else { return }
                    unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: columns) { scratch in
                        unsafe withOrder(permutation) { order in
                            unsafe esparse_mask_bits(
                                source + first * columns, Int64(count), Int64(columns), order, Int32(pattern.group),
                                Int32(pattern.kept), scratch.baseAddress, target + first * bytesPerRow)
                        }
                    }
                }
            }
            initialized = rows * bytesPerRow
        }
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

    private static func withOrder(_ permutation: Permutation?, _ body: (UnsafePointer<Int32>?) -> Void) {
        guard let permutation else { return body(nil) }
        unsafe permutation.order.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }
}
