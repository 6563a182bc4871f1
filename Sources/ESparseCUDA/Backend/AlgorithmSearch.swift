// Lets NVIDIA's libraries time their algorithms for a linear, for measurements; models run what the libraries propose first, so that a
// run's bits do not depend on timing.

import ESparseCore

extension CUDABackend {
    /// Times the algorithms of the library that runs `linear` for the tokens of `input`, and uses the fastest from then on in this process
    /// for products of that shape. Our own kernels have nothing to choose.
    ///
    /// - Returns: cuSPARSELt's algorithm where that runs the linear.
    /// - Throws: `CUDAError`.
    @discardableResult
    package func searchAlgorithm(
        of linear: CUDALinear, for input: CUDAActivation
    ) throws(CUDAError) -> SparseAlgorithm? {
        guard input.tokens > 0 else { return nil }
        let halves = try context.halves(of: input)
        let output = try context.makeActivation(tokens: input.tokens, channels: linear.rows, .half)
        return try linear.searchAlgorithm(halves.slice, tokens: input.tokens, output: output.slice)
    }

    /// Values in the type that products take, so that a measurement does not count the rounding.
    package func rounded(_ activation: CUDAActivation) -> CUDAActivation {
        context.demand { () throws(CUDAError) in try context.halves(of: activation) }
    }
}
