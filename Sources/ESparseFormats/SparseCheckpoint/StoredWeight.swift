// The tensors that hold one linear weight in a sparse checkpoint.

package import ESparseCore

/// Lays a linear weight out as tensors of a file; `FolderWeights` reads them.
package enum StoredWeight {
    /// The stored tensors of `X.weight`: itself when dense, `X.compressed`, `X.bitmask` and `X.shape` when packed, and
    /// `X.permutation` where there is an input order.
    package static func tensors(
        name: String, weight: LinearWeight
    ) throws -> [(name: String, tensor: Tensor)] {
        precondition(name.hasSuffix(".weight"))
        let base = name.dropLast(".weight".count)
        var stored: [(name: String, tensor: Tensor)] = []
        switch weight.matrix {
        case .dense(let tensor): stored.append((name, tensor))
        case .sparse(let matrix):
            let shape = ByteStorage(copying: [Int64(matrix.rows).littleEndian, Int64(matrix.columns).littleEndian])
            stored.append(("\(base).compressed", matrix.values))
            stored.append(("\(base).bitmask", matrix.bitmask))
            stored.append(("\(base).shape", try Tensor(elementType: .int64, shape: [2], storage: shape)))
        }
        if let permutation = weight.permutation {
            let order = ByteStorage(copying: permutation.order.map(\.littleEndian))
            let tensor = try Tensor(elementType: .int32, shape: [permutation.count], storage: order)
            stored.append(("\(base).permutation", tensor))
        }
        return stored
    }
}
