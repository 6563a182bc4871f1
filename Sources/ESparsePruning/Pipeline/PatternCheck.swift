// What must hold of a linear before any work on it starts.

package import ESparseCore

extension SparsityPattern {
    /// Checks that groups of M channels fill a linear's input channels.
    ///
    /// - Throws: `PruningError.indivisible` naming the linear.
    package func requireDivides(columns: Int, linear: String) throws(PruningError) {
        guard columns > 0, columns % group == 0 else {
            throw .indivisible(linear: linear, columns: columns, pattern: self)
        }
    }
}
