// A random weight, sparse and dense, with the copies that a backend has prepared to measure.

package import ESparseCore

/// One random weight on a backend; copies are prepared when somebody first asks for them.
package final class GemmWeight<Measured: TunableBackend> {
    /// Packed.
    package let sparse: LinearWeight
    /// The same with its zeros written out, `[rows, columns]`.
    package let dense: Tensor
    private let backend: Measured
    private var copies: (sparse: [Measured.PreparedLinear]?, dense: [Measured.PreparedLinear]?)

    init(_ drawn: RandomLinear, backend: Measured) {
        sparse = LinearWeight(matrix: .sparse(drawn.sparse))
        dense = drawn.dense
        self.backend = backend
    }

    /// Copies of the packed weight.
    func sparseCopies() throws -> [Measured.PreparedLinear] {
        if let made = copies.sparse { return made }
        let made = try backend.copies(of: sparse)
        copies.sparse = made
        return made
    }

    /// Copies of the dense weight as models that are not pruned have it.
    package func denseCopies() throws -> [Measured.PreparedLinear] {
        if let made = copies.dense { return made }
        let made = try backend.copies(of: LinearWeight(matrix: .dense(dense)))
        copies.dense = made
        return made
    }
}
