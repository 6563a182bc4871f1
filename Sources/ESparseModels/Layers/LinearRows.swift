// Rows of a linear: a checkpoint may store several projections as one matrix.

package import ESparseCore

/// Some rows of a linear, which the model multiplies by on their own: all of them, or one projection's of several that the checkpoint stores
/// as one matrix (Phi-3's `qkv_proj` and `gate_up_proj`).
package struct LinearRows: Sendable, Hashable {
    /// The linear as the checkpoint stores it; it is scored, shuffled, pruned and written as one.
    package let linear: LinearDescription
    /// Which of its rows, within `0..<linear.rows`.
    package let rows: Range<Int>

    /// All rows of a linear, or some.
    package init(_ linear: LinearDescription, rows: Range<Int>? = nil) {
        self.linear = linear
        self.rows = rows ?? 0..<linear.rows
        precondition(self.rows.lowerBound >= 0 && self.rows.upperBound <= linear.rows)
    }

    /// Whether these are all rows of the linear.
    package var isWhole: Bool { rows == 0..<linear.rows }

    /// These rows of the linear's weight.
    package func part(of weight: LinearWeight) -> LinearWeight { isWhole ? weight : weight.slicingRows(rows) }

    /// These elements of the linear's bias.
    package func part(of bias: Tensor) -> Tensor { isWhole ? bias : bias.slicingRows(rows) }

    /// Puts these rows of `order`, which says for each place the row that lies there, `[linear.rows]`, in the order `permutation` and leaves
    /// all others where they are.
    package func permute(_ order: inout [Int32], by permutation: Permutation) {
        precondition(order.count == linear.rows && permutation.count == rows.count)
        let before = order
        for (place, row) in zip(rows, permutation.order) { order[place] = before[rows.lowerBound + Int(row)] }
    }
}
