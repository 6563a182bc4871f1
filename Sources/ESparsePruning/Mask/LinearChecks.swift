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

/// Checks that every weight of a linear, row-major `[rows, columns]`, is finite.
///
/// - Throws: `PruningError.nonFiniteWeight` naming the linear and the first place.
package func requireFinite(_ weight: [Float], columns: Int, linear: String) throws(PruningError) {
    // A product with zero is zero unless the weight is a NaN or an infinity: one sum tells, and it vectorises.
    var sums = SIMD8<Float>.zero
    let whole = weight.count / 8 * 8
    for index in stride(from: 0, to: whole, by: 8) {
        for lane in 0..<8 { sums[lane] += weight[index + lane] * 0 }
    }
    let isFinite = sums.sum() == 0 && weight[whole...].allSatisfy(\.isFinite)
    guard !isFinite, let index = weight.firstIndex(where: { !$0.isFinite }) else { return }
    throw .nonFiniteWeight(linear: linear, row: index / columns, column: index % columns)
}
