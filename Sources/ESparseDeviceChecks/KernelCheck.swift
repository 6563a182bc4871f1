// Checks linears on every kernel that can run them, whatever the rules would choose, with every kind of output.

package import ESparseCUDA
package import ESparseCore
import ESparseReference

/// One linear and one number of tokens.
package struct KernelCheck: CustomStringConvertible {
    let tokens: Int
    let rows: Int
    let columns: Int
    package let pattern: SparsityPattern?

    /// Operands are exact, so only the rounding of 16-bit results remains: 2^-9 at most, a mean square of 2^-18 / 3.
    package let bound = 4e-6

    package var description: String { "\(tokens)x\(columns)->\(rows) \(pattern?.description ?? "dense")" }

    /// Sizes that leave every kernel ragged ends, and for devices that are fast a large one.
    package static func all(isQuick: Bool) -> [KernelCheck] {
        let patterns = [nil, SparsityPattern.twoOfFour, .fourOfEight, SparsityPattern(kept: 2, group: 8)]
        let sizes = [(1, 48, 64), (7, 32, 80), (20, 64, 528)] + (isQuick ? [] : [(300, 1024, 1024)])
        return sizes.flatMap { tokens, rows, columns in
            patterns.map { KernelCheck(tokens: tokens, rows: rows, columns: columns, pattern: $0) }
        }
    }

    /// The kernels that can run it.
    package func kernels(on backend: CUDABackend) -> [CUDALinearKernel] {
        guard let weight = try? weight() else { return [] }
        return backend.kind(of: weight).possibleKernels
    }

    /// The product in 16 bits, in single precision, and added to something, one after another, and the same in double precision.
    package func values(
        of kernel: CUDALinearKernel, on backend: CUDABackend
    ) throws -> (values: [Float], reference: [Float]) {
        var numbers = NumberSource(31)
        let bias = try Tensor(exact(&numbers, rows), shape: [rows])
        let input = exact(&numbers, tokens * columns)
        let residual = exact(&numbers, tokens * rows)
        let reference = ReferenceBackend()
        let expected = reference.multiply(
            reference.activation(input, channels: columns), by: try reference.prepareLinear(weight(), bias: bias)
        ).values
        let linear = try backend.prepareLinear(weight(), bias: bias).using(kernel)
        let activation = try backend.activation(input, channels: columns)
        var sum = try backend.activation(residual, channels: rows)
        try backend.multiply(activation, by: linear, addingTo: &sum)
        let found =
            try backend.floats(of: backend.multiply(activation, by: linear))
            + backend.floats(of: backend.logits(activation, by: linear, softCap: nil)) + backend.floats(of: sum)
        return (found, expected + expected + zip(expected, residual).map { $0 + $1 })
    }

    private func weight() throws -> LinearWeight {
        var numbers = NumberSource(37)
        guard let pattern else {
            return LinearWeight(matrix: .dense(try Tensor(exact(&numbers, rows * columns), shape: [rows, columns])))
        }
        let drawn = try numbers.sparseMatrix(rows: rows, columns: columns, pattern: pattern)
        let values = try Tensor(exact(&numbers, drawn.values.elementCount), shape: drawn.values.shape)
        return LinearWeight(
            matrix: .sparse(
                try SparseMatrix(
                    rows: rows, columns: columns, pattern: pattern, values: values, bitmask: drawn.bitmask)))
    }

    /// Numbers that both 16-bit types hold exactly: eighths, none of them 0.
    private func exact(_ numbers: inout NumberSource, _ count: Int) -> [Float] {
        numbers.integers(count, below: 32).map { (Float($0) - 15.5) / 8 }
    }
}
