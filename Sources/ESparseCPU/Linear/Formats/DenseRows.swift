// Dense weights row by row, as a checkpoint holds them.

internal import CESparseCPU
import ESparseCore

/// Dense weights `[R, C]` in f32, f16 or bf16, row-major; mapped checkpoint bytes where they fit.
struct DenseRows: WeightFormat {
    static let name = "dense rows"
    static let operations: WeightOperations = [.multiplyFewTokens, .widen]

    private let shape: WeightShape
    private let values: Tensor

    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard weights.shape.pattern == nil else { return nil }
        shape = weights.shape
        values = weights.values
    }

    var byteCount: Int { values.byteCount }

    var rowsAtOnce: Int { 8 }

    var firstRun: (address: UInt, byteCount: Int) { values.run }

    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        unsafe PortableWeights.describe(rows, values: values, bitmask: nil, shape: shape, from: row, body)
    }

    func manyTokens(_ kernels: esparse_linear_kernels) -> esparse_many_kernels? { nil }
}

extension Tensor {
    /// Where its elements lie.
    var run: (address: UInt, byteCount: Int) {
        unsafe withUnsafeBytes { bytes in (UInt(bitPattern: bytes.baseAddress), bytes.count) }
    }
}
