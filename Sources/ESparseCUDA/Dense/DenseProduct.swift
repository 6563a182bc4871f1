// A dense product of one shape on a device, with the algorithms that cuBLASLt proposes for it.

import CESparseCUDA
import Synchronization

/// A prepared product `y = x W^T (+ bias)`, or `y += x W^T (+ bias)`: any weight, input and output of its shape and
/// types.
///
/// Sums are single precision.
@safe package final class DenseProduct: Sendable {
    /// What it computes.
    package let shape: DenseProductShape
    /// Algorithms there are to choose from, the one cuBLASLt thinks fastest first.
    package var algorithmCount: Int { candidates.count }

    private let multiplier: DenseMultiplier
    private let descriptors: DenseDescriptors
    private let candidates: [esparse_blas_candidate]
    private let selected = Mutex(0)

    init(_ shape: DenseProductShape, multiplier: DenseMultiplier) throws(CUDAError) {
        self.shape = shape
        self.multiplier = multiplier
        try multiplier.device.makeCurrent()
        descriptors = try DenseDescriptors(shape.layout, multiplier.library)
        candidates = try descriptors.candidates(multiplier)
        if candidates.isEmpty { throw .productUnsupported(.dense, product: shape.description) }
    }

    /// Which algorithm `run` uses, in `[0, algorithmCount)`; 0 at first.
    package var algorithm: Int {
        get { selected.withLock { $0 } }
        set {
            precondition(newValue >= 0 && newValue < algorithmCount)
            selected.withLock { $0 = newValue }
        }
    }

    /// Puts the product on the stream. Addresses must be multiples of 16 bytes.
    ///
    /// - Parameter accumulates: adds to y instead of writing it.
    /// - Throws: `CUDAError.callFailed`.
    package func run(
        weight: DeviceSlice, input: DeviceSlice, bias: DeviceSlice? = nil, output: DeviceSlice,
        accumulates: Bool = false
    ) throws(CUDAError) {
        precondition((bias != nil) == shape.hasBias, "the shape says whether there is a bias")
        let elementBytes = shape.operand.byteCount
        precondition(weight.byteCount >= shape.rows * shape.columns * elementBytes, "the weight is too small")
        precondition(input.byteCount >= shape.tokens * shape.columns * elementBytes, "the input is too small")
        precondition(output.byteCount >= shape.outputBytes, "the output is too small")
        precondition(
            bias.map { $0.byteCount >= shape.rows * shape.outputElementBytes } ?? true, "the bias is too small")
        // The bias's address is in the descriptor until the call has read it.
        try selected.withLock { index throws(CUDAError) in
            if let bias { try descriptors.setBias(bias.address) }
            try descriptors.run(
                on: multiplier, candidates[index], first: weight, second: input, output: output,
                accumulates: accumulates)
        }
        withExtendedLifetime(bias) {}
    }

    /// Runs every algorithm on these operands, which `run` describes, and keeps the fastest; y is overwritten.
    ///
    /// - Parameter rounds: how often each is timed; the median counts.
    /// - Returns: seconds of the fastest.
    /// - Throws: `CUDAError`.
    @discardableResult
    package func search(
        weight: DeviceSlice, input: DeviceSlice, bias: DeviceSlice? = nil, output: DeviceSlice, rounds: Int = 5
    ) throws(CUDAError) -> Double {
        precondition(rounds > 0)
        var best = (algorithm: 0, seconds: Double.infinity)
        for index in 0..<algorithmCount {
            algorithm = index
            // cuBLASLt may refuse to run what it proposed. Such an algorithm is no choice, unless all are refused.
            let seconds: Double
            do {
                try run(weight: weight, input: input, bias: bias, output: output)
                seconds = try multiplier.device.medianSeconds(rounds: rounds) { () throws(CUDAError) in
                    try run(weight: weight, input: input, bias: bias, output: output)
                }
            } catch  where best.seconds < .infinity || index + 1 < algorithmCount {
                continue
            }
            if seconds < best.seconds { best = (index, seconds) }
        }
        algorithm = best.algorithm
        return best.seconds
    }
}
