// Where a model gets its weights from, whatever the file format.

/// The weight of one linear layer, `[output channels, input channels]`, dense or N:M.
public struct LinearWeight: Sendable {
    /// How the weights are stored.
    public enum Matrix: Sendable {
        case dense(Tensor)
        case sparse(SparseMatrix)
    }

    /// The weights; columns are in permuted order where there is a permutation.
    public let matrix: Matrix
    /// Order of the input channels that the columns expect; nil means the original order.
    public let permutation: Permutation?

    /// Puts a matrix and its input order together; the caller has checked that the permutation has `columns` channels.
    public init(matrix: Matrix, permutation: Permutation? = nil) {
        self.matrix = matrix
        self.permutation = permutation
    }

    /// Output channels.
    public var rows: Int {
        switch matrix {
        case .dense(let tensor): tensor.rows
        case .sparse(let sparse): sparse.rows
        }
    }

    /// Input channels.
    public var columns: Int {
        switch matrix {
        case .dense(let tensor): tensor.columns
        case .sparse(let sparse): sparse.columns
        }
    }
}

/// A checkpoint's weights under Hugging Face names, whatever file they come from.
///
/// A linear that is stored sparse appears under its logical name `X.weight`.
public protocol WeightSource: Sendable {
    /// All logical tensor names, sorted.
    var tensorNames: [String] { get }
    /// The logical (dense) shape of a tensor, or nil where there is none of that name. Reads no weights.
    func shape(of name: String) -> [Int]?
    /// Checks that a tensor's elements have a type that can be read as numbers. Reads no weights.
    ///
    /// - Throws: the format's error when they have not.
    func checkElementType(of name: String) throws
    /// The type of a tensor's elements as `tensor` or `linearWeight` gives them; of a packed linear that of its kept values.
    ///
    /// - Throws: the format's error when the tensor is missing or of a type that cannot be read.
    func elementType(of name: String) throws -> ElementType
    /// A dense tensor: a view of the mapped file, or dequantised into memory.
    ///
    /// - Throws: the format's error when the tensor is missing, damaged, or stored sparse.
    func tensor(_ name: String) throws -> Tensor
    /// A linear layer's weight, dense or sparse, with its input order.
    ///
    /// - Throws: the format's error when the tensor is missing or damaged.
    func linearWeight(_ name: String) throws -> LinearWeight
}

extension WeightSource {
    /// Weights in memory, or made up, can always be read.
    public func checkElementType(of name: String) throws {}

    /// Looks at the tensor itself, which costs nothing where it is a view or in memory.
    public func elementType(of name: String) throws -> ElementType {
        guard shape(of: name)?.count == 2 else { return try tensor(name).elementType }
        return switch try linearWeight(name).matrix {
        case .dense(let tensor): tensor.elementType
        case .sparse(let matrix): matrix.values.elementType
        }
    }
}
