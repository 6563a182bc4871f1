// What `esparse benchmark gemm` measures.

package import ESparseCore

/// What the benchmark of linears measures.
package struct GemmSettings: Sendable {
    /// Shapes, in order.
    package let shapes: [GemmShape]
    /// Numbers of tokens, in order.
    package let tokens: [Int]
    /// Patterns, in order.
    package let patterns: [SparsityPattern]
    /// Seconds of measuring a point, beyond a few rounds that every median needs.
    package let secondsPerPoint: Double

    /// Chooses shapes, numbers of tokens and patterns; every combination is a point.
    ///
    /// - Throws: `MeasurementError.indivisible` when a pattern does not divide a shape's columns.
    package init(
        shapes: [GemmShape], tokens: [Int], patterns: [SparsityPattern], secondsPerPoint: Double
    ) throws(MeasurementError) {
        precondition(tokens.allSatisfy { $0 > 0 })
        for shape in shapes {
            for pattern in patterns where shape.columns % pattern.group != 0 {
                throw .indivisible(shape: shape.name, pattern: pattern)
            }
        }
        self.shapes = shapes
        self.tokens = tokens
        self.patterns = patterns
        self.secondsPerPoint = secondsPerPoint
    }
}
