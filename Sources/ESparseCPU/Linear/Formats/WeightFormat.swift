// What a weight format is: a codec from the portable form of checkpoints to what kernels read.

internal import CESparseCPU
import ESparseCore

/// How the weights of a linear lie in memory: one file in this folder, and one line in `WeightFormats.all`.
///
/// Each is one or more formats of the C kernels (`CESparseCPU/formats`), one for each element type that it holds. What the
/// kernels of an instruction set can do with it is in their table; kernels of linears say which of that they need.
protocol WeightFormat: Sendable {
    /// The name in error messages.
    static var name: String { get }

    /// Packs weights; nil where they do not suit this format, or `kernels` do not read it.
    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool)

    /// The format of these weights as C knows it.
    var code: esparse_format { get }
    /// Bytes of the weights, mapped or owned, with all that says where they belong.
    var byteCount: Int { get }
    /// Rows that kernels of few tokens take at once: tiles for them are multiples.
    var rowsAtOnce: Int { get }
    /// The memory that a pass runs through first, for reading ahead.
    var firstRun: (address: UInt, byteCount: Int) { get }

    /// Calls `body` with the C description of `rows`, a run of rows from `row` on, completed by where these weights lie;
    /// `row` must be a multiple of 8. The description's pointers must not outlive the call.
    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void)
}

extension esparse_linear_kernels {
    /// What these kernels do with a format; nil where they do not read it.
    func functions(of format: esparse_format?) -> esparse_format_kernels? {
        guard let format else { return nil }
        let functions = functions(format)
        return unsafe functions.few != nil || functions.many.multiply != nil ? functions : nil
    }
}

extension ElementType {
    /// Of C's formats of one layout the one whose values are of this type; nil for types that no weights have.
    func format(f32: esparse_format, f16: esparse_format, bf16: esparse_format) -> esparse_format? {
        switch self {
        case .float32: f32
        case .float16: f16
        case .bfloat16: bf16
        case .uint8, .int32, .int64: nil
        }
    }
}

/// The weight formats, in order of preference: to add one, write its file and a line here.
enum WeightFormats {
    /// In order of preference: the first that suits a linear's weights holds them.
    static let all: [any WeightFormat.Type] = [
        CompactPanels.self,
        PlainPanels.self,
        MaskedRows.self,
        DenseRows.self,
    ]

    /// Packs weights in the first format that suits them.
    ///
    /// - Throws: `KernelError.noWeightFormat` where none does.
    static func pack(
        _ weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool
    ) throws(KernelError) -> any WeightFormat {
        for format in all {
            if let packed = format.init(packing: weights, kernels: kernels, pool: pool) { return packed }
        }
        throw .noWeightFormat(weights.shape.elementType, pattern: weights.shape.pattern)
    }
}
