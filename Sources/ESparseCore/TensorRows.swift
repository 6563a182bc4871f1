// Some rows of a matrix as a matrix of its own, where they lie.

extension Tensor {
    /// Rows `range` of the first dimension, in the same storage; shape `[range.count] + shape.dropFirst()`.
    ///
    /// The range must be in `0..<rows`.
    public func slicingRows(_ range: Range<Int>) -> Tensor { Tensor(slicing: range, of: self) }

    private init(slicing range: Range<Int>, of whole: Tensor) {
        precondition(!whole.shape.isEmpty && range.lowerBound >= 0 && range.upperBound <= whole.rows)
        elementType = whole.elementType
        shape = [range.count] + whole.shape.dropFirst()
        storage = whole.storage
        byteOffset = whole.byteOffset + range.lowerBound * whole.columns * whole.elementType.byteCount
        elementCount = range.count * whole.columns
    }
}

extension SparseMatrix {
    /// Rows `range`, in the same storage; the range must be in `0..<rows`.
    public func slicingRows(_ range: Range<Int>) -> SparseMatrix {
        SparseMatrix(self, values: values.slicingRows(range), bitmask: bitmask.slicingRows(range))
    }
}

extension LinearWeight {
    /// Rows `range`, in the same storage; the range must be in `0..<rows`.
    public func slicingRows(_ range: Range<Int>) -> LinearWeight {
        switch matrix {
        case .dense(let tensor): LinearWeight(matrix: .dense(tensor.slicingRows(range)), permutation: permutation)
        case .sparse(let sparse): LinearWeight(matrix: .sparse(sparse.slicingRows(range)), permutation: permutation)
        }
    }
}
