// The weights of a llama.cpp file under Hugging Face names, in Hugging Face's row order and with its values.

public import ESparseCore

/// The weights of a model in GGUF.
///
/// What llama.cpp's converter changed is undone: rows of LLaMA's queries and keys go back to their places, and the norms of
/// Gemma lose the 1 that was added to them. So tensors are those of the model's Hugging Face checkpoint, as far as the file's
/// types hold them: `w + 1` is exact in single precision for any `w` of BF16 from `2^-16`, and so is taking 1 away again.
public struct GGUFWeights: WeightSource {
    private let files: GGUFFiles
    private let storedNames: [String: String]
    private let table: GGUFTensorTable
    private let shape: GGUFShape

    /// All tensor names, sorted.
    public let tensorNames: [String]

    /// Maps the file's names.
    ///
    /// - Throws: `FormatError` when the architecture is not supported or a tensor has no place in it.
    public init(files: GGUFFiles) throws(FormatError) {
        let configuration = try GGUFConfiguration(metadata: files.metadata)
        let (table, shape) = (configuration.architecture.tensors, configuration.shape)
        var storedNames: [String: String] = [:]
        for stored in files.names where !GGUFTensorTable.isDerived(stored) {
            guard let name = table.canonicalName(stored) else {
                let reason =
                    "is not part of the \(configuration.architecture.name) architecture as it is supported here"
                throw .invalidField(path: files.path, field: stored, reason: reason)
            }
            storedNames[name] = stored
            let heads = table.reorderedHeads(
                of: name, queryHeads: shape.headCount, keyHeads: shape.keyValueHeadCount)
            if let heads, let entry = files.entry(stored), let rows = entry.shape.first, rows % (2 * heads) != 0 {
                let problem = TensorProblem.unexpected(
                    type: GGMLType.name(of: entry.typeNumber), shape: entry.shape,
                    needed: "a multiple of \(2 * heads) rows for \(heads) heads")
                throw .invalidTensor(path: files.path, name: stored, problem: problem)
            }
        }
        self.files = files
        self.table = table
        self.shape = shape
        self.storedNames = storedNames
        tensorNames = storedNames.keys.sorted()
    }

    /// Whether some tensors are quantised; they are expanded when they are read.
    var isQuantised: Bool {
        storedNames.values.contains { name in
            files.entry(name).flatMap { GGMLType(rawValue: $0.typeNumber) }.map { $0.blockSize > 1 } ?? false
        }
    }

    /// The shape of a tensor, or nil where there is none of that name.
    public func shape(of name: String) -> [Int]? {
        storedNames[CanonicalName.of(name)].flatMap { files.entry($0)?.shape }
    }

    /// Checks that a tensor is of a type that can be expanded.
    ///
    /// - Throws: `FormatError.invalidTensor` when it is not.
    public func checkElementType(of name: String) throws {
        guard let stored = storedNames[CanonicalName.of(name)], let number = files.entry(stored)?.typeNumber,
            GGMLType(rawValue: number) == nil
        else { return }
        throw FormatError.invalidTensor(
            path: files.path, name: stored, problem: .unsupportedType(GGMLType.name(of: number)))
    }

    /// The type in which `tensor` gives a tensor, by the header.
    ///
    /// - Throws: `FormatError` when the tensor is missing or of an unsupported type.
    public func elementType(of name: String) throws -> ElementType {
        let name = CanonicalName.of(name)
        guard let stored = storedNames[name], let number = files.entry(stored)?.typeNumber else {
            throw FormatError.missingTensor(path: files.path, name: name)
        }
        try checkElementType(of: name)
        let isChanged = table.normalizationOffset != 0 && GGUFTensorTable.isNormalizationWeight(name)
        return isChanged ? .float32 : GGMLType(rawValue: number)?.plainType ?? .float32
    }

    /// A tensor: a view where the file holds it as F32, F16 or BF16 with Hugging Face's rows and values, else new memory (F32
    /// if it is quantised or its values change).
    ///
    /// - Throws: `FormatError` when the tensor is missing or of an unsupported type.
    public func tensor(_ name: String) throws -> Tensor {
        let name = CanonicalName.of(name)
        guard let stored = storedNames[name], let entry = files.entry(stored) else {
            throw FormatError.missingTensor(path: files.path, name: name)
        }
        if table.normalizationOffset != 0, GGUFTensorTable.isNormalizationWeight(name) {
            let values = try files.tensor(stored).floats().map { $0 - table.normalizationOffset }
            return try Tensor(values, shape: entry.shape)
        }
        let heads = table.reorderedHeads(of: name, queryHeads: shape.headCount, keyHeads: shape.keyValueHeadCount)
        guard let heads, let rows = entry.shape.first else { return try files.tensor(stored) }
        let headSize = rows / heads
        return try files.tensor(stored) { GGUFTensorTable.storedRow(of: $0, headSize: headSize) }
    }

    /// A linear layer's weight; GGUF holds dense ones only.
    ///
    /// - Throws: `FormatError` when the tensor is missing, not a matrix, or of an unsupported type.
    public func linearWeight(_ name: String) throws -> LinearWeight {
        let tensor = try tensor(name)
        guard tensor.shape.count == 2 else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "a matrix")
            throw FormatError.invalidTensor(path: files.path, name: name, problem: problem)
        }
        return LinearWeight(matrix: .dense(tensor))
    }
}
