// Dense weights row by row, as a checkpoint holds them.

internal import CESparseCPU
import ESparseCore

/// Dense weights `[R, C]` in f32, f16 or bf16, row-major; mapped checkpoint bytes where they fit.
struct DenseRows: WeightFormat {
    static let name = "dense rows"

    let code: esparse_format
    private let shape: WeightShape
    private let values: Tensor

    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard weights.shape.pattern == nil, let code = Self.code(weights.shape.elementType),
            kernels.functions(of: code) != nil
        else { return nil }
        self.code = code
        shape = weights.shape
        values = weights.values
    }

    /// C's format of dense rows; nil for other types.
    static func code(_ type: ElementType) -> esparse_format? {
        type.format(f32: esparse_dense_f32, f16: esparse_dense_f16, bf16: esparse_dense_bf16)
    }

    var byteCount: Int { values.byteCount }

    var rowsAtOnce: Int { 8 }

    var firstRun: (address: UInt, byteCount: Int) { values.run }

    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        unsafe PortableWeights.describe(rows, values: values, bitmask: nil, shape: shape, from: row, body)
    }
}

extension Tensor {
    /// Where its elements lie.
    var run: (address: UInt, byteCount: Int) {
        unsafe withUnsafeBytes { bytes in (UInt(bitPattern: bytes.baseAddress), bytes.count) }
    }
}
