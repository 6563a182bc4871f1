// The N:M mask of a matrix of saliencies, row by row in C, in parallel over runs of rows.

import CESparseCPU
package import ESparseCore

package enum MaskKernels {
    /// Rows that one call of a parallel loop's body handles.
    private static let rowsPerTask = 64

    /// Bits `[rows, (columns + 7) / 8]` of the kept weights in permuted order; see `esparse_mask_bits`.
    package static func maskBits(
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

    private static func withOrder(_ permutation: Permutation?, _ body: (UnsafePointer<Int32>?) -> Void) {
        guard let permutation else { return body(nil) }
        unsafe permutation.order.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
    }
}
