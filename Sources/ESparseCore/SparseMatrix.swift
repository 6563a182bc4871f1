// The N:M matrix as the sparse checkpoint holds it, with its checks. Kernels repack it.

/// A linear weight `[rows, columns]` with exactly `pattern.kept` stored weights in every group of `pattern.group`
/// consecutive columns.
///
/// The layout is the published sparse-bitmask one (compressed-tensors `sparse_bitmask`): `values` holds the kept weights
/// row-major, `[rows, columns * kept / group]`; bit `j % 8` of byte `i * bytesPerRow + j / 8` of `bitmask` is 1 when column
/// `j` of row `i` is kept. Columns are in permuted order: stored column `j` multiplies input channel
/// `permutation.order[j]`, or channel `j` where there is no permutation.
public struct SparseMatrix: Sendable {
    /// Output channels.
    public let rows: Int
    /// Input channels.
    public let columns: Int
    /// The pattern every group of every row has.
    public let pattern: SparsityPattern
    /// Kept weights, `[rows, columns * kept / group]`, F32, F16 or BF16.
    public let values: Tensor
    /// One bit a column, `[rows, (columns + 7) / 8]`, U8; bits past the last column are 0.
    public let bitmask: Tensor

    /// Kept weights in a row.
    public var keptPerRow: Int { columns / pattern.group * pattern.kept }
    /// Bytes of bitmask in a row.
    public var maskBytesPerRow: Int { (columns + 7) / 8 }

    /// Checks that sizes and types agree and that every group has exactly `pattern.kept` bits.
    ///
    /// - Throws: `SparseMatrixError`.
    public init(
        rows: Int, columns: Int, pattern: SparsityPattern, values: Tensor, bitmask: Tensor
    ) throws(SparseMatrixError) {
        guard rows >= 0, columns >= 0, columns % pattern.group == 0 else {
            throw .indivisible(columns: columns, pattern: pattern)
        }
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.values = values
        self.bitmask = bitmask
        guard values.elementType.isFloatingPoint, values.shape == [rows, keptPerRow] else {
            throw .values(type: values.elementType, shape: values.shape, expected: [rows, keptPerRow])
        }
        guard bitmask.elementType == .uint8, bitmask.shape == [rows, maskBytesPerRow] else {
            throw .bitmask(type: bitmask.elementType, shape: bitmask.shape, expected: [rows, maskBytesPerRow])
        }
        if let (row, group) = firstWrongGroup() {
            throw .wrongGroup(row: row, group: group, pattern: pattern)
        }
    }

    /// The matrix with other rows of its own, which breaks no group, so nothing is checked again.
    init(_ original: SparseMatrix, values: Tensor, bitmask: Tensor) {
        rows = values.rows
        columns = original.columns
        pattern = original.pattern
        self.values = values
        self.bitmask = bitmask
    }

    /// For each value of a mask byte, whether all groups in it are right; empty where groups do not fill whole bytes.
    private var soundBytes: [Bool] {
        guard 8 % pattern.group == 0, columns % 8 == 0 else { return [] }
        let groupMask = (1 << pattern.group) - 1
        return (0..<256).map { byte in
            stride(from: 0, to: 8, by: pattern.group).allSatisfy {
                (byte >> $0 & groupMask).nonzeroBitCount == pattern.kept
            }
        }
    }

    /// The row and group of the first group without exactly `pattern.kept` bits, or with bits past the last column.
    private func firstWrongGroup() -> (row: Int, group: Int)? {
        let groupCount = columns / pattern.group
        let groupMask = pattern.group == 32 ? UInt64(UInt32.max) : (1 << UInt64(pattern.group)) - 1
        let isSound = soundBytes
        return unsafe bitmask.withUnsafeBytes { bytes in
            for row in 0..<rows {
                let base = row * maskBytesPerRow
                if !isSound.isEmpty,
                    (base..<base + maskBytesPerRow).allSatisfy({ isSound[Int(unsafe bytes[$0])] })
                {
                    continue
                }
                for group in 0..<groupCount {
                    let bit = group * pattern.group
                    var window: UInt64 = 0
                    for byte in 0..<min(5, maskBytesPerRow - bit / 8) {
                        window |= UInt64(unsafe bytes[base + bit / 8 + byte]) << UInt64(8 * byte)
                    }
                    let bits = (window >> UInt64(bit % 8)) & groupMask
                    if bits.nonzeroBitCount != pattern.kept { return (row, group) }
                }
                if columns % 8 != 0, unsafe bytes[base + maskBytesPerRow - 1] >> UInt8(columns % 8) != 0 {
                    return (row, groupCount)
                }
            }
            return nil
        }
    }
}

/// Parts of a sparse matrix do not fit together.
public enum SparseMatrixError: Error, Equatable, CustomStringConvertible {
    /// The group size does not divide the number of columns.
    case indivisible(columns: Int, pattern: SparsityPattern)
    /// The kept values have the wrong type or shape.
    case values(type: ElementType, shape: [Int], expected: [Int])
    /// The bitmask has the wrong type or shape.
    case bitmask(type: ElementType, shape: [Int], expected: [Int])
    /// A group does not have exactly N bits set.
    case wrongGroup(row: Int, group: Int, pattern: SparsityPattern)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .indivisible(let columns, let pattern):
            "\(columns) input channels cannot be cut into groups of \(pattern.group) for pattern \(pattern)"
        case .values(let type, let shape, let expected):
            "kept values are \(type.rawValue) \(shape), but a floating-point type and shape \(expected) are needed"
        case .bitmask(let type, let shape, let expected):
            "bitmask is \(type.rawValue) \(shape), but U8 \(expected) is needed"
        case .wrongGroup(let row, let group, let pattern):
            "bitmask row \(row), group \(group) does not keep exactly \(pattern.kept) of \(pattern.group) weights"
        }
    }
}
