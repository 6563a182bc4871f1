// N:M weights row by row, as a sparse checkpoint holds them: kept values, and a bit for each column.

internal import CESparseCPU
import ESparseCore

/// Kept values `[R, keptPerRow]` in f32, f16 or bf16 and a bitmask `[R, (C + 7) / 8]`, where column j is bit j % 8 of byte
/// j / 8; mapped checkpoint bytes where they fit.
struct MaskedRows: WeightFormat {
    static let name = "masked rows"

    let code: esparse_format
    private let shape: WeightShape
    private let values: Tensor
    private let bitmask: Tensor

    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard let bitmask = weights.bitmask, let code = Self.code(weights.shape.elementType),
            kernels.functions(of: code) != nil
        else { return nil }
        self.code = code
        shape = weights.shape
        values = weights.values
        self.bitmask = bitmask
    }

    /// C's format of rows with a bitmask; nil for other types.
    static func code(_ type: ElementType) -> esparse_format? {
        type.format(f32: esparse_masked_f32, f16: esparse_masked_f16, bf16: esparse_masked_bf16)
    }

    var byteCount: Int { values.byteCount + bitmask.byteCount }

    var rowsAtOnce: Int { 8 }

    var firstRun: (address: UInt, byteCount: Int) { values.run }

    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        unsafe PortableWeights.describe(rows, values: values, bitmask: bitmask, shape: shape, from: row, body)
    }
}
