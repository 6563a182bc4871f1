// What a weight format is: a codec from the portable form of checkpoints to what kernels read.

internal import CESparseCPU

/// What the C kernels of a format can do with it.
struct WeightOperations: OptionSet {
    let rawValue: Int

    /// Multiply it with a few tokens.
    static let multiplyFewTokens = WeightOperations(rawValue: 1)
    /// Multiply it with many tokens in f32 arithmetic.
    static let multiplyManyTokens = WeightOperations(rawValue: 2)
    /// Write its rows out as dense f32.
    static let widen = WeightOperations(rawValue: 4)
    /// Write its rows, which are sparse bf16, out as dense bf16.
    static let expand = WeightOperations(rawValue: 8)
}

/// How the weights of a linear lie in memory: one file in this folder, and one line in `WeightFormats.all`.
///
/// Kernels say which formats they read: by what a format can do (`operations`), or by naming the format.
protocol WeightFormat: Sendable {
    /// The name in error messages.
    static var name: String { get }
    /// What kernels can do with it.
    static var operations: WeightOperations { get }

    /// Packs weights; nil where they do not suit this format, or `kernels` have none that read it.
    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool)

    /// Bytes of the weights, mapped or owned, with all that says where they belong.
    var byteCount: Int { get }
    /// Rows that kernels of few tokens take at once: tiles for them are multiples.
    var rowsAtOnce: Int { get }
    /// The memory that a pass runs through first, for reading ahead.
    var firstRun: (address: UInt, byteCount: Int) { get }

    /// Calls `body` with the C description of `rows`, a run of rows from `row` on, completed by where these weights lie;
    /// `row` must be a multiple of 8. The description's pointers must not outlive the call.
    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void)

    /// The functions of its sparse product of many tokens in f32 arithmetic, where `operations` have `multiplyManyTokens`.
    func manyTokens(_ kernels: esparse_linear_kernels) -> esparse_many_kernels?
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
