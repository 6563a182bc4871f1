// The processor as a backend that is measured: against oneDNN with weights in its own order.

package import ESparseCPU
package import ESparseCore
package import ESparseRuntime

extension CPUBackend: MeasuredBackend {
    /// The processor's.
    package var profileFile: ProfileFile<LinearTraits> { .processor }

    /// The threads.
    package var circumstance: String { "with \(threadCount) threads" }

    /// Both sides multiply the same bf16 numbers exactly and add up to 2^15 products in single precision, in different orders;
    /// rounding errors of 2^-24 each then stay far below this.
    package static var tolerance: Double { 1e-4 }

    /// The one that a model runs.
    package func timedKernels(of kind: LinearTraits, tokens: Int) -> [KernelName] {
        [choice(for: kind, tokens: tokens).kernel]
    }

    /// oneDNN, weights reordered and the input converted beforehand: of f32 and bf16, and of one and four calls a thread, what was
    /// fastest in a short trial. Where our few-token kernel runs the dense weights too, it comes second.
    ///
    /// - Throws: `MeasurementError.noDenseProduct`; `KernelError`; `InterruptedError`.
    package func denseSides(
        of weight: GemmWeight<CPUBackend>, shape: String, tokens: Int, values: [Float], input: CPUActivation
    ) throws -> [DenseSide] {
        let library = try DenseBaseline.fastest(
            weight.dense, input: values, isFew: Self.areFew(tokens), pool: pool, shape: shape)
        let first = DenseSide(
            name: library.name, weightBytes: library.weightBytes, run: { library.run(copy: $0 % library.copyCount) },
            output: { library.output })
        let kind = kind(of: LinearWeight(matrix: .dense(weight.dense)))
        let kernel = choice(for: kind, tokens: tokens).kernel
        guard kernel == .fewTokens else { return [first] }
        let copies = try weight.denseCopies()
        let own = LinearsInTurn(copies, using: kernel, tokens: tokens, input: input, backend: self)
        return [
            first,
            DenseSide(
                name: kind.shownName(of: kernel), weightBytes: weightBytes(of: copies[0]).read, run: own.run,
                output: own.output),
        ]
    }

    /// There is one form.
    package func weightBytes(of linear: PreparedLinear) -> (read: Int, secondForm: Int) {
        (linear.linear.residentBytes, 0)
    }

    /// Figures as shares of what `MachinePeak` measures, which takes about a second, and speed-ups laid out as the paper's table.
    package func gemmLayout() -> GemmLayout { .cpu(self, MachinePeak.measure(pool: pool)) }
}
