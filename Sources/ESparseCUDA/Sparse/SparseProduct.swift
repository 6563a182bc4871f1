// A product of one shape with any 2:4 weight of that shape, by one algorithm of cuSPARSELt.

import CESparseCUDA
import Synchronization

/// A prepared product `y = x W^T (+ bias)`, or `y += x W^T (+ bias)`.
///
/// cuSPARSELt wants the sparse matrix first: it is asked for `y^T = W x^T`, with W row-major, x transposed, and y^T
/// column-major, which is y as it lies.
@safe package final class SparseProduct: Sendable {
    /// What it computes.
    package let shape: SparseProductShape

    private let multiplier: SparseMultiplier
    private let bias: DeviceSlice?
    // The plan may refer to the others, so they live as long; the last to be made is the first to be dropped.
    private let plan: SparsePlan
    /// Memory that the plan works in; taken anew when a search has found an algorithm that needs more.
    private let workspace: Mutex<DeviceBuffer>

    init(
        _ shape: SparseProductShape, bias: DeviceSlice?, algorithm: SparseAlgorithm?, multiplier: SparseMultiplier
    ) throws(CUDAError) {
        precondition((bias != nil) == shape.hasBias, "the shape says whether there is a bias")
        precondition(bias.map { $0.byteCount >= shape.rows * 2 } ?? true, "the bias is too small")
        self.shape = shape
        self.bias = bias
        self.multiplier = multiplier
        try multiplier.device.makeCurrent()
        let plan = try SparsePlan(shape, bias: bias, algorithm: algorithm, multiplier)
        self.plan = plan
        workspace = Mutex(try multiplier.device.allocate(try plan.workspaceBytes()))
    }

    /// The algorithm that `run` uses.
    package var algorithm: SparseAlgorithm {
        get throws(CUDAError) { try plan.algorithm() }
    }

    /// Puts the product on the stream: `input` holds `[shape.tokens, columns]`, `output` `[shape.tokens, rows]`, both
    /// from a multiple of 16 bytes.
    ///
    /// - Parameter accumulates: adds to y, which is rounded to 16 bits again, instead of writing it.
    /// - Throws: `CUDAError.callFailed`.
    package func run(
        weight: SparseWeight, input: DeviceSlice, output: DeviceSlice, accumulates: Bool = false
    ) throws(CUDAError) {
        check(weight, input, output)
        try multiplier.device.makeCurrent()
        try workspace.withLock { workspace throws(CUDAError) in
            try unsafe call(
                unsafe multiplier.library.functions.multiply, "run \(shape)", weight, input, output, workspace,
                accumulates: accumulates)
        }
    }

    /// Lets cuSPARSELt time all its algorithms on these operands, which `run` describes, and use the fastest from then
    /// on; y is overwritten.
    ///
    /// - Returns: the algorithm, for a tuning profile.
    /// - Throws: `CUDAError`.
    @discardableResult
    package func search(
        weight: SparseWeight, input: DeviceSlice, output: DeviceSlice
    ) throws(CUDAError) -> SparseAlgorithm {
        check(weight, input, output)
        try multiplier.device.makeCurrent()
        return try workspace.withLock { workspace throws(CUDAError) in
            try unsafe call(
                unsafe multiplier.library.functions.search, "search algorithms for \(shape)", weight, input, output,
                workspace, accumulates: false)
            let needed = try plan.workspaceBytes()
            if needed > workspace.byteCount { workspace = try multiplier.device.allocate(needed) }
            return try plan.algorithm()
        }
    }

    private func check(_ weight: SparseWeight, _ input: DeviceSlice, _ output: DeviceSlice) {
        precondition(
            weight.rows == shape.rows && weight.columns == shape.columns && weight.type == shape.type,
            "the weight is of another shape")
        precondition(input.byteCount >= shape.tokens * shape.columns * 2, "the input is too small")
        precondition(output.byteCount >= shape.tokens * shape.rows * 2, "the output is too small")
        precondition(input.address % 16 == 0 && output.address % 16 == 0, "an address is not a multiple of 16 bytes")
    }

    private func call(
        _ function: esparse_cusparseLtMatmul, _ operation: @autoclosure () -> String, _ weight: SparseWeight,
        _ input: DeviceSlice, _ output: DeviceSlice, _ workspace: DeviceBuffer, accumulates: Bool
    ) throws(CUDAError) {
        var one: Float = 1
        var kept: Float = accumulates ? 1 : 0
        var stream: esparse_cu_stream? = unsafe multiplier.device.stream
        let code = unsafe function(
            multiplier.handle.start, plan.start, &one, weight.compressed.address, input.address, &kept, output.address,
            output.address, workspace.address, &stream, 1)
        withExtendedLifetime((weight, input, output)) {}
        try multiplier.library.check(code, operation())
    }
}
