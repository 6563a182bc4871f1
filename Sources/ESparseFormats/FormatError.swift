// The errors of reading and writing checkpoints and texts.

public import ESparseCore

/// A file is not what it must be, or cannot be written where it should go.
public enum FormatError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The path is neither a Hugging Face folder nor a GGUF file.
    case notACheckpoint(path: String, reason: String)
    /// The file ends before a part that its header announces.
    case truncated(path: String, part: String, needed: UInt64, available: Int)
    /// A header's length is beyond what any real file has.
    case headerTooLong(path: String, length: UInt64, limit: Int)
    /// Text that must be JSON is not; `offset` counts bytes from the start of the JSON text.
    case invalidJSON(path: String, offset: Int, reason: String)
    /// A field of a JSON file or of a file's metadata has a wrong type or value.
    case invalidField(path: String, field: String, reason: String)
    /// Two tensors have the same name.
    case duplicateTensor(path: String, name: String)
    /// A tensor's description contradicts itself or the file.
    case invalidTensor(path: String, name: String, problem: TensorProblem)
    /// The checkpoint has no tensor of this name.
    case missingTensor(path: String, name: String)
    /// A shard that the index names is not there.
    case missingShard(path: String, shard: String)
    /// The index names a shard outside the checkpoint's folder.
    case shardOutsideFolder(path: String, shard: String)
    /// The file is of a version, byte order or kind that is not supported.
    case unsupported(path: String, found: String, supported: String)
    /// A line of a text file is malformed; lines count from 1.
    case invalidLine(path: String, line: Int, reason: String)
    /// A gzip file is damaged.
    case corruptGzip(path: String, reason: String)
    /// A compressed file expands beyond the limit.
    case expandsTooFar(path: String, limit: Int)
    /// A pipe gives more bytes than allowed.
    case streamTooLong(path: String, limit: Int)
    /// The output is already there.
    case outputExists(path: String)
    /// An earlier run was stopped before it was complete.
    case unfinishedRun(path: String)
    /// Another process is writing the output.
    case runInProgress(path: String)
    /// The unfinished run was started with other settings or inputs.
    case changedRun(path: String, differences: [String])

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .notACheckpoint(let path, let reason):
            "\(path) is not a checkpoint: \(reason)"
        case .truncated(let path, let part, let needed, let available):
            "\(path) is truncated: \(part) needs \(needed) bytes but \(available) are left; copy or download it again"
        case .headerTooLong(let path, let length, let limit):
            "\(path) claims a header of \(length) bytes, more than the \(limit) that are allowed; it is damaged"
        case .invalidJSON(let path, let offset, let reason):
            "\(path) holds malformed JSON at byte \(offset): \(reason); mend the file or download it again"
        case .invalidField(let path, let field, let reason):
            "\(path): field \"\(field)\" \(reason)"
        case .duplicateTensor(let path, let name):
            "\(path) holds more than one tensor named \"\(name)\"; keep one of them, or download the checkpoint again"
        case .invalidTensor(let path, let name, let problem):
            "\(path): tensor \"\(name)\" \(problem)"
        case .missingTensor(let path, let name):
            "\(path) has no tensor \"\(name)\"; the checkpoint is incomplete or of another kind of model"
        case .missingShard(let path, let shard):
            "\(path) lacks the shard \(shard); copy or download the whole folder"
        case .shardOutsideFolder(let path, let shard):
            "\(path) names the shard \"\(shard)\", which is not a plain path inside the checkpoint's folder; do not trust it"
        case .unsupported(let path, let found, let supported):
            "\(path): \(found) is not supported; \(supported)"
        case .invalidLine(let path, let line, let reason):
            "\(path), line \(line): \(reason)"
        case .corruptGzip(let path, let reason):
            "\(path) is a damaged gzip file: \(reason); copy or download it again"
        case .expandsTooFar(let path, let limit):
            "\(path) expands to more than \(limit) bytes; use a smaller text"
        case .streamTooLong(let path, let limit):
            "\(path) gives more than \(limit) bytes; use a smaller text"
        case .outputExists(let path):
            "\(path) exists already; choose another output or remove it first"
        case .runInProgress(let path):
            "\(path) is being written by another process; wait for it, or stop it first"
        case .unfinishedRun(let path):
            "\(path) holds an unfinished run; continue it with --resume or remove that folder"
        case .changedRun(let path, let differences):
            "\(path) was started with other settings (\(differences.joined(separator: "; "))); repeat them or remove it"
        }
    }
}

/// What is wrong with a tensor's description or contents.
public enum TensorProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// The product of the dimensions overflows, or a dimension is negative.
    case invalidShape
    /// There are more dimensions than the format allows.
    case tooManyDimensions(Int, limit: Int)
    /// The end comes before the start.
    case reversedOffsets(start: Int, end: Int)
    /// The bytes lie outside the file.
    case outsideFile(start: UInt64, end: UInt64, available: Int)
    /// The bytes overlap those of another tensor.
    case overlaps(other: String)
    /// Bytes before the tensor belong to none.
    case gap(before: Int, expected: Int)
    /// The bytes are not as many as type and shape need.
    case sizeMismatch(type: String, shape: [Int], bytes: Int)
    /// The start is not a multiple of the file's alignment.
    case misaligned(offset: UInt64, alignment: Int)
    /// The elements have a type that is not supported here.
    case unsupportedType(String)
    /// The row length is not a multiple of the quantisation block.
    case partialBlock(rowLength: Int, block: Int, type: String)
    /// The tensor has another type or shape than its use needs.
    case unexpected(type: String, shape: [Int], needed: String)
    /// The tensor is stored packed and was asked for as a dense one.
    case storedSparse
    /// One of the tensors of a packed weight is not there.
    case incompletePacking(missing: String)
    /// The manifest has no pattern for a packed weight.
    case patternUnknown
    /// The parts of a packed weight do not fit together.
    case invalidPacking(SparseMatrixError)
    /// The stored order does not hold every channel once.
    case notAPermutation(channels: Int)
    /// A value is NaN or infinite.
    case nonFinite(index: Int)

    /// What to do about a damaged file.
    private static let again = "download or convert it again"

    /// The end of a sentence that starts with the tensor's name.
    public var description: String {
        switch self {
        case .invalidShape: "has a shape that is not of whole numbers, negative or too large; \(Self.again)"
        case .tooManyDimensions(let count, let limit):
            "has \(count) dimensions, at most \(limit) are allowed; \(Self.again)"
        case .reversedOffsets(let start, let end):
            "ends at byte \(end), before its start at byte \(start); \(Self.again)"
        case .outsideFile(let start, let end, let available):
            "lies at bytes \(start) to \(end), but the file has \(available) bytes of data; it is truncated or damaged, \(Self.again)"
        case .overlaps(let other): "overlaps tensor \"\(other)\"; \(Self.again)"
        case .gap(let start, let expected):
            "starts at byte \(start) where byte \(expected) is the next unused one; \(Self.again)"
        case .sizeMismatch(let type, let shape, let bytes):
            "has \(bytes) bytes, which does not agree with type \(type) and shape \(shape); \(Self.again)"
        case .misaligned(let offset, let alignment):
            "starts at byte \(offset), not a multiple of \(alignment); \(Self.again)"
        case .unsupportedType(let type):
            "has element type \(type), which is not supported; convert the model to F32, F16 or BF16, or to a GGUF type that README.md "
                + "lists"
        case .partialBlock(let rowLength, let block, let type):
            "has rows of \(rowLength) values, which \(type) cannot hold in blocks of \(block); \(Self.again)"
        case .unexpected(let type, let shape, let needed):
            "is \(type) \(shape), but \(needed) is needed; it belongs to another model, or \(Self.again)"
        case .storedSparse:
            "is stored as a packed sparse matrix and cannot be read as a dense tensor; start from the "
                + "dense checkpoint"
        case .incompletePacking(let missing):
            "is stored packed, but its part \"\(missing)\" is missing; copy or prune the checkpoint again"
        case .patternUnknown: "is stored packed, but esparse.json has no N:M pattern for it; copy the whole folder"
        case .invalidPacking(let error): "is packed wrongly: \(error); copy or prune the checkpoint again"
        case .notAPermutation(let channels):
            "does not hold every channel from 0 to \(channels - 1) exactly once; copy or prune "
                + "the checkpoint again"
        case .nonFinite(let index):
            "holds NaN or infinity at element \(index); the checkpoint is damaged, \(Self.again)"
        }
    }
}

extension JSONParser {
    /// Parses a whole file.
    ///
    /// - Throws: `FormatError.invalidJSON` naming `path` and the byte offset.
    package static func parse(_ bytes: [UInt8], path: String) throws(FormatError) -> JSONValue {
        do {
            return try parse(bytes)
        } catch {
            throw .invalidJSON(path: path, offset: error.offset, reason: error.reason)
        }
    }
}
