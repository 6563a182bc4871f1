// The weights of a Hugging Face folder under logical names, dense or packed by `esparse prune`.

public import ESparseCore

/// The weights of a Hugging Face folder.
///
/// A linear `X.weight` may be stored packed as `X.compressed`, `X.bitmask`, `X.shape` (I64 `[2]`) and, where the site is
/// shuffled at run time, `X.permutation` (I32 `[columns]`); a dense `X.weight` may have an `X.permutation` as well.
public struct FolderWeights: WeightSource {
    private let files: ShardedSafetensors
    private let patterns: [String: SparsityPattern]
    private let shapes: [String: [Int]]

    /// All logical tensor names, sorted.
    public let tensorNames: [String]

    /// Size of the safetensors files on disk.
    package var byteCount: Int { files.byteCount }

    /// Maps a folder.
    ///
    /// - Parameter patterns: pattern of each packed linear, by logical name, from `esparse.json`.
    /// - Throws: `FormatError` or `FileError`.
    package init(folder: String, patterns: [String: SparsityPattern] = [:]) throws {
        try self.init(files: ShardedSafetensors(folder: folder), patterns: patterns)
    }

    /// Presents a catalogue of stored tensors under logical names.
    package init(files: ShardedSafetensors, patterns: [String: SparsityPattern]) throws(FormatError) {
        self.files = files
        self.patterns = Dictionary(
            patterns.map { (CanonicalName.of($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
        var shapes: [String: [Int]] = [:]
        for name in files.names where name.hasSuffix(".compressed") {
            let base = String(name.dropLast(".compressed".count))
            shapes[base + ".weight"] = try FolderWeights.packedShape(base, files: files)
        }
        let packed = Set(shapes.keys)
        for name in files.names {
            guard let base = FolderWeights.owner(of: name) else {
                guard shapes.updateValue(files.entry(name)?.shape ?? [], forKey: name) == nil else {
                    throw .duplicateTensor(path: files.path, name: name)
                }
                continue
            }
            let isPart = packed.contains(base + ".weight")
            let ordersDense = name.hasSuffix(".permutation") && files.entry(base + ".weight") != nil
            if !isPart, !ordersDense { shapes[name] = files.entry(name)?.shape }
        }
        self.shapes = shapes
        tensorNames = shapes.keys.sorted()
    }

    /// The linear `X` that a tensor's name `X.<part>` says it may be a part of, or nil.
    private static func owner(of name: String) -> String? {
        for part in [".compressed", ".bitmask", ".shape", ".permutation"] where name.hasSuffix(part) {
            return String(name.dropLast(part.count))
        }
        return nil
    }

    private static func packedShape(_ base: String, files: ShardedSafetensors) throws(FormatError) -> [Int] {
        for part in [".bitmask", ".shape"] where files.entry(base + part) == nil {
            let problem = TensorProblem.incompletePacking(missing: base + part)
            throw .invalidTensor(path: files.path, name: base + ".weight", problem: problem)
        }
        let tensor = try files.tensor(base + ".shape")
        guard tensor.elementType == .int64, tensor.shape == [2] else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "I64 [2]")
            throw .invalidTensor(path: files.path, name: base + ".shape", problem: problem)
        }
        let shape = unsafe tensor.withUnsafeBytes { bytes in
            [0, 8].map { unsafe Int(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Int.self)) }
        }
        guard TensorShape.elementCount(shape) != nil, shape[1] <= Int.max - 64 else {
            throw .invalidTensor(path: files.path, name: base + ".weight", problem: .invalidShape)
        }
        return shape
    }

    /// The logical (dense) shape of a tensor, or nil where there is none of that name.
    public func shape(of name: String) -> [Int]? { shapes[CanonicalName.of(name)] }

    /// Checks that a tensor, or the kept values of a packed one, are floating-point numbers of a supported type.
    ///
    /// - Throws: `FormatError.invalidTensor` when they are not.
    public func checkElementType(of name: String) throws {
        let stored = storedName(name)
        guard let type = files.entry(stored)?.type, ElementType(rawValue: type)?.isFloatingPoint != true else { return }
        throw FormatError.invalidTensor(path: files.path, name: stored, problem: .unsupportedType(type))
    }

    /// The type of a tensor's elements, or of the kept values of a packed one, by the header.
    ///
    /// - Throws: `FormatError` when the tensor is missing or of an unsupported type.
    public func elementType(of name: String) throws -> ElementType {
        let stored = storedName(name)
        guard let type = files.entry(stored)?.type else {
            throw FormatError.missingTensor(path: files.path, name: CanonicalName.of(name))
        }
        guard let elementType = ElementType(rawValue: type) else {
            throw FormatError.invalidTensor(path: files.path, name: stored, problem: .unsupportedType(type))
        }
        return elementType
    }

    /// The name of the tensor that holds a weight's values.
    private func storedName(_ name: String) -> String {
        let name = CanonicalName.of(name)
        return files.entry(name) == nil ? String(name.dropLast(".weight".count)) + ".compressed" : name
    }

    /// A view of a dense tensor in the mapped file.
    ///
    /// - Throws: `FormatError` when the tensor is missing, of an unsupported type, or stored packed.
    public func tensor(_ name: String) throws -> Tensor {
        let name = CanonicalName.of(name)
        guard shapes[name] != nil else { throw FormatError.missingTensor(path: files.path, name: name) }
        guard files.entry(name) != nil else {
            throw FormatError.invalidTensor(path: files.path, name: name, problem: .storedSparse)
        }
        return try files.tensor(name)
    }

    /// A linear layer's weight, dense or packed, with its input order.
    ///
    /// - Throws: `FormatError` when the tensor is missing or its parts do not fit together.
    public func linearWeight(_ name: String) throws -> LinearWeight {
        let name = CanonicalName.of(name)
        guard let shape = shapes[name] else { throw FormatError.missingTensor(path: files.path, name: name) }
        guard shape.count == 2 else {
            let type = files.entry(name)?.type ?? ""
            let problem = TensorProblem.unexpected(type: type, shape: shape, needed: "a matrix")
            throw FormatError.invalidTensor(path: files.path, name: name, problem: problem)
        }
        let base = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
        let permutation = try permutation(base + ".permutation", channels: shape[1])
        if files.entry(name) != nil {
            let tensor = try files.tensor(name)
            guard tensor.elementType.isFloatingPoint else {
                throw FormatError.invalidTensor(
                    path: files.path, name: name, problem: .unsupportedType(tensor.elementType.rawValue))
            }
            return LinearWeight(matrix: .dense(tensor), permutation: permutation)
        }
        guard let pattern = patterns[name] else {
            throw FormatError.invalidTensor(path: files.path, name: name, problem: .patternUnknown)
        }
        do {
            let matrix = try SparseMatrix(
                rows: shape[0], columns: shape[1], pattern: pattern, values: files.tensor(base + ".compressed"),
                bitmask: files.tensor(base + ".bitmask"))
            return LinearWeight(matrix: .sparse(matrix), permutation: permutation)
        } catch let error as SparseMatrixError {
            throw FormatError.invalidTensor(path: files.path, name: name, problem: .invalidPacking(error))
        }
    }

    private func permutation(_ name: String, channels: Int) throws -> Permutation? {
        guard files.entry(name) != nil else { return nil }
        let tensor = try files.tensor(name)
        guard tensor.elementType == .int32, tensor.shape == [channels] else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "I32 [\(channels)]")
            throw FormatError.invalidTensor(path: files.path, name: name, problem: problem)
        }
        let order = unsafe tensor.withUnsafeBytes { bytes in
            (0..<channels).map {
                unsafe Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self))
            }
        }
        guard let permutation = Permutation(order) else {
            throw FormatError.invalidTensor(
                path: files.path, name: name, problem: .notAPermutation(channels: channels))
        }
        return permutation
    }
}
