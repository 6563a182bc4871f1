// A product of one shape with any 2:4 weight of that shape, by one algorithm of cuSPARSELt.

import CESparseCUDA
import Synchronization

/// A prepared product `y = x W^T (+ bias)`, or `y += x W^T (+ bias)`.
@safe package final class SparseProduct: Sendable {
    /// What it computes.
    package let shape: SparseProductShape

    private let multiplier: SparseMultiplier

    init(
        _ shape: SparseProductShape, bias: DeviceSlice?, algorithm: SparseAlgorithm?, multiplier: SparseMultiplier
    ) throws(CUDAError) {
        fatalError("to be filled in")
    }

    /// The algorithm that `run` uses.
    package var algorithm: SparseAlgorithm {
        get throws(CUDAError) { fatalError("to be filled in") }
    }

    /// Puts the product on the stream: `input` holds `[shape.tokens, columns]`, `output` `[shape.tokens, rows]`, both from a
    /// multiple of 16 bytes.
    ///
    /// - Parameter accumulates: adds to y, which is rounded to 16 bits again, instead of writing it.
    /// - Throws: `CUDAError.callFailed`.
    package func run(
        weight: SparseWeight, input: DeviceSlice, output: DeviceSlice, accumulates: Bool = false
    ) throws(CUDAError) {
        fatalError("to be filled in")
    }

    /// Lets cuSPARSELt time all its algorithms on these operands, which `run` describes, and use the fastest from then on; y is
    /// overwritten.
    ///
    /// - Returns: the algorithm, for a tuning profile.
    /// - Throws: `CUDAError`.
    @discardableResult
    package func search(
        weight: SparseWeight, input: DeviceSlice, output: DeviceSlice
    ) throws(CUDAError) -> SparseAlgorithm {
        fatalError("to be filled in")
    }
}
