// A device as a backend that is measured: every kernel that can run, against cuBLASLt on the dense weights.

package import ESparseCUDA
package import ESparseCore
package import ESparseRuntime

extension CUDABackend: MeasuredBackend {
    /// That of the kind of device and the arithmetic.
    package var profileFile: ProfileFile<CUDALinearTraits> { .device(device.properties.name, type: type) }

    /// The device.
    package var circumstance: String { "on \(device.properties.name)" }

    /// Both results are rounded to 16 bits, which is off by at most 2^-9 each.
    package static var tolerance: Double { 6e-3 }

    /// All of them.
    package func timedKernels(of kind: CUDALinearTraits, tokens: Int) -> [KernelName] { kind.kernels }

    /// cuBLASLt by the fastest of the algorithms that it proposes.
    ///
    /// - Throws: `CUDAError`.
    package func denseSides(
        of weight: GemmWeight<CUDABackend>, shape: String, tokens: Int, values: [Float], input: CUDAActivation
    ) throws -> [DenseSide] {
        let copies = try weight.denseCopies()
        let kernel = CUDALinearKernel.denseLibrary.name
        let linears = LinearsInTurn(copies, using: kernel, tokens: tokens, input: input, backend: self)
        _ = try linears.settle()
        return [
            DenseSide(
                name: kernel.rawValue, weightBytes: weightBytes(of: copies[0]).read, run: linears.run,
                output: linears.output)
        ]
    }

    /// What our kernels read, and cuSPARSELt's form.
    package func weightBytes(of linear: CUDALinear) -> (read: Int, secondForm: Int) {
        (linear.byteCount.own, linear.byteCount.compressed)
    }

    /// Every kernel with its time.
    package func gemmLayout() -> GemmLayout { .cuda(self) }
}
