// Lays out the tensors of the output checkpoint: what is stored under which name and type.

import ESparseCore
import ESparseFormats
import ESparseModels

/// The source's tensors as the output stores them.
///
/// Weights keep their element type. Those of a GGUF file, which are dequantised to singles, are stored in the run's precision;
/// norms and biases stay singles.
struct OutputTensors: WeightSource {
    /// The dense model.
    var source: any WeightSource
    /// Element type of matrices; nil keeps the source's.
    let matrixType: ElementType?
    let storage: CheckpointStorage

    var tensorNames: [String] { source.tensorNames }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func checkElementType(of name: String) throws { try source.checkElementType(of: name) }

    func tensor(_ name: String) throws -> Tensor {
        let tensor = try source.tensor(name)
        guard let matrixType, tensor.shape.count > 1 else { return tensor }
        return try tensor.converted(to: matrixType)
    }

    func linearWeight(_ name: String) throws -> LinearWeight {
        LinearWeight(matrix: .dense(try tensor(name)))
    }

    /// Everything outside the decoder blocks.
    ///
    /// - Throws: `PruningError.nonFiniteWeight`; the format's error for a damaged tensor.
    func outer(of architecture: ModelArchitecture) throws -> [(name: String, tensor: Tensor)] {
        let inner = Set(architecture.blocks.flatMap { $0.tensors.map(\.name) })
        return try architecture.tensors.map(\.name).filter { !inner.contains($0) }.map { ($0, try finiteTensor($0)) }
    }

    /// Checks that all values of a block are finite.
    ///
    /// - Throws: `PruningError.nonFiniteWeight`; the format's error for a damaged tensor.
    func checkValues(of block: BlockDescription) throws {
        for tensor in block.tensors { _ = try finiteTensor(tensor.name) }
    }

    /// One decoder block after pruning; its values were checked before.
    ///
    /// - Throws: the format's error for a damaged tensor.
    func block(
        _ architecture: BlockDescription, pruned: PrunedBlock
    ) throws -> [(name: String, tensor: Tensor)] {
        try architecture.tensors.map(\.name).flatMap { name in
            if let bias = pruned.biases[name] { return [(name, bias)] }
            guard let weight = pruned.linears[name] else { return [(name, try tensor(name))] }
            return try StoredWeight.tensors(
                name: name, weight: storage == .packed ? weight : LinearWeight(matrix: .dense(weight.plainTensor())))
        }
    }
}

extension WeightSource {
    /// A tensor whose values are all finite.
    ///
    /// - Throws: `PruningError.nonFiniteWeight` with the place of the first NaN or infinity; the format's error for a damaged
    ///   tensor.
    func finiteTensor(_ name: String) throws -> Tensor {
        let tensor = try tensor(name)
        if let index = firstNonFinite(in: tensor) {
            let columns = max(tensor.columns, 1)
            throw PruningError.nonFiniteWeight(linear: name, row: index / columns, column: index % columns)
        }
        return tensor
    }
}

extension LinearWeight {
    /// The weight with rows in another order.
    func gatheringRows(_ order: [Int32]) -> LinearWeight {
        switch matrix {
        case .dense(let tensor): LinearWeight(matrix: .dense(tensor.gatheringRows(order)), permutation: permutation)
        case .sparse(let sparse): LinearWeight(matrix: .sparse(sparse.gatheringRows(order)), permutation: permutation)
        }
    }
}

extension Precision {
    /// Element type of weights in this precision.
    var weightType: ElementType {
        switch self {
        case .float32: .float32
        case .bfloat16: .bfloat16
        }
    }
}
