// A linear's weights in the format that suits them best, with its bias.

internal import CESparseCPU
import ESparseCore

/// Weights `[R, C]` and bias `[R]`, ready for kernels.
struct WeightStorage: Sendable {
    private let shape: WeightShape
    /// The weights in their format.
    let weights: any WeightFormat
    /// What the C kernels do with them.
    let functions: esparse_format_kernels
    private let bias: [Float]?
    /// What stands for the weights where reading ahead is concerned.
    let read: ReadWeights

    /// Packs weights in the first of `WeightFormats.all` that suits them, in parallel.
    ///
    /// - Throws: `KernelError` when a type or shape does not fit.
    init(
        weight: LinearWeight, bias: Tensor?, precision: Precision, kernels: esparse_linear_kernels, pool: ThreadPool
    ) throws {
        let portable = try PortableWeights(weight, precision: precision, kernels: kernels, pool: pool)
        shape = portable.shape
        if let bias {
            guard bias.elementCount == weight.rows, bias.shape.count == 1 else {
                throw KernelError.biasShape(bias.shape, rows: weight.rows)
            }
            guard bias.elementType.isFloatingPoint else {
                throw KernelError.elementType(bias.elementType, role: "bias")
            }
            self.bias = try bias.floats()
        } else {
            self.bias = nil
        }
        weights = try WeightFormats.pack(portable, kernels: kernels, pool: pool)
        guard let functions = kernels.functions(of: weights.code) else {
            throw KernelError.noWeightFormat(shape.elementType, pattern: shape.pattern)
        }
        self.functions = functions
        let run = weights.firstRun
        read = ReadWeights(start: run.address, byteCount: run.byteCount)
    }

    /// R: output channels.
    var rows: Int { shape.rows }
    /// C: input channels.
    var columns: Int { shape.columns }
    /// The pattern of the weights, nil when dense.
    var pattern: SparsityPattern? { shape.pattern }

    /// Bytes of weights and bias, mapped or owned.
    var byteCount: Int { weights.byteCount + (bias?.count ?? 0) * 4 }

    /// Bytes of one row in the portable form.
    var rowByteCount: Int { shape.valueStride + (shape.pattern == nil ? 0 : shape.maskStride) }

    /// Rows that kernels of few tokens take at once.
    var rowsAtOnce: Int { weights.rowsAtOnce }

    /// Calls `body` with the C description of a run of rows, which starts at a multiple of eight; its pointers must not
    /// outlive the call.
    func withRows(_ range: Range<Int>, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        guard let bias else {
            return unsafe weights.describe(
                shape.description(rows: range.count, bias: nil, format: weights.code), from: range.lowerBound, body)
        }
        unsafe bias.withUnsafeBufferPointer { bias in
            let start = unsafe bias.baseAddress.map { unsafe $0 + range.lowerBound }
            unsafe weights.describe(
                shape.description(rows: range.count, bias: start, format: weights.code), from: range.lowerBound, body)
        }
    }
}
