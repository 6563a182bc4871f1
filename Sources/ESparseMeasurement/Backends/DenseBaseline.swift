// The fastest way to run a dense product with oneDNN on this machine: tried, not assumed.

import ESparseCPU
import ESparseCore

/// oneDNN's fastest product for one weight and one input.
struct DenseBaseline {
    private let product: PackedDense
    /// Bytes of one copy of the weights, at the element size of the data type.
    let weightBytes: Int

    /// "onednn-f32" or "onednn-bf16".
    var name: String { product.arithmetic == .bfloat16 ? "onednn-bf16" : "onednn-f32" }
    /// Copies of the weights.
    var copyCount: Int { product.copyCount }
    /// The output of the last run.
    var output: [Float] { product.output }

    func run(copy: Int) { product.run(copy: copy) }

    /// Tries both data types, and one or four calls a thread.
    ///
    /// - Parameter isFew: whether weights must come from memory; otherwise two copies are enough.
    /// - Throws: `MeasurementError.noDenseProduct`; `InterruptedError`.
    static func fastest(
        _ weight: Tensor, input: [Float], isFew: Bool, pool: ThreadPool, shape: String
    ) throws -> DenseBaseline {
        let clock = ContinuousClock()
        var best: (product: PackedDense, seconds: Double)?
        for arithmetic in DenseArithmetic.allCases {
            let byteCount = weight.elementCount * (arithmetic == .bfloat16 ? 2 : 4)
            for callsPerThread in [1, 4] {
                try Interruption.check()
                guard
                    let product = try PackedDense(
                        weight: weight, input: input, arithmetic: arithmetic,
                        pieceCount: callsPerThread * pool.threadCount,
                        copyCount: isFew ? CPUBackend.copyCount(byteCount: byteCount) : 2, pool: pool)
                else { continue }
                product.run(copy: 0)
                var seconds = Double.infinity
                for trial in 0..<(isFew ? 16 : 3) {
                    let duration = clock.measure { product.run(copy: (trial + 1) % product.copyCount) } / .seconds(1)
                    seconds = min(seconds, duration)
                    if let best, trial >= 2, seconds > 1.5 * best.seconds { break }
                }
                if best.map({ seconds < $0.seconds }) ?? true { best = (product, seconds) }
            }
        }
        guard let best else { throw MeasurementError.noDenseProduct(shape: shape) }
        return DenseBaseline(
            product: best.product,
            weightBytes: weight.elementCount * (best.product.arithmetic == .bfloat16 ? 2 : 4))
    }
}
