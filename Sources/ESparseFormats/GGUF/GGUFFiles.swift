// A model in one GGUF file, or in several parts that llama.cpp's splitter made, opened as one.

package import ESparseCore

/// The GGUF file or files of one model.
///
/// Parts are called `NAME-00001-of-00003.gguf` and so on. All metadata is in the first; each has `split.no` (its number, from
/// 0), `split.count` (how many there are) and `split.tensors.count` (tensors in all parts together).
public struct GGUFFiles: Sendable {
    /// The files, in order.
    public let files: [GGUFFile]
    /// Which file holds each tensor.
    private let places: [String: Int]

    /// The first file's path.
    public var path: String { files[0].path }
    /// The model's metadata.
    public var metadata: GGUFMetadata { files[0].metadata }
    /// All tensors' names as the files have them, sorted.
    public var names: [String] { places.keys.sorted() }
    /// Size of all files together.
    public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

    /// Maps and checks the file at `path`, and all other parts where it is one of several.
    ///
    /// - Throws: `FileError` when a file cannot be mapped; `FormatError` when one is not a sound GGUF file, is missing or does not
    ///   belong to the others.
    public init(path: String) throws {
        let given = try GGUFFile(path: path)
        guard let part = try GGUFPart(of: given), part.count > 1 else {
            try self.init(files: [given])
            return
        }
        let paths = try part.paths(given: path)
        try self.init(
            files: paths.enumerated().map { index, path in
                if index == part.index { return given }
                guard FileSystem.exists(path) else {
                    throw FormatError.missingShard(path: given.path, shard: path)
                }
                return try GGUFFile(path: path)
            })
    }

    /// Takes files that have been opened, one or all parts of a model in order.
    ///
    /// - Throws: `FormatError` when they do not belong together.
    package init(files: [GGUFFile]) throws(FormatError) {
        precondition(!files.isEmpty)
        self.files = files
        var places: [String: Int] = [:]
        var tensorCount: Int?
        for (index, file) in files.enumerated() {
            let part = try GGUFPart(of: file) ?? GGUFPart(index: 0, count: 1, tensorCount: nil)
            try Self.check(part.count, is: files.count, "split.count", of: file)
            try Self.check(part.index, is: index, "split.no", of: file)
            if let stated = part.tensorCount {
                try Self.check(stated, is: tensorCount ?? stated, "split.tensors.count", of: file)
                tensorCount = stated
            }
            for name in file.entries.keys.sorted() {
                guard places.updateValue(index, forKey: name) == nil else {
                    throw .duplicateTensor(path: file.path, name: name)
                }
            }
        }
        self.places = places
        if let tensorCount { try Self.check(tensorCount, is: places.count, "split.tensors.count", of: files[0]) }
    }

    private static func check(
        _ found: Int, is needed: Int, _ field: String, of file: GGUFFile
    ) throws(FormatError) {
        guard found != needed else { return }
        throw .invalidField(
            path: file.path, field: field,
            reason: "is \(found) where the parts together say \(needed); they are not of one model, download all again")
    }

    /// A tensor's description, or nil where there is none of that name.
    public func entry(_ name: String) -> GGUFFile.Entry? { places[name].flatMap { files[$0].entries[name] } }

    /// A tensor, as `GGUFFile.tensor` gives it.
    ///
    /// - Throws: `FormatError` when there is no such tensor or its type is not supported.
    package func tensor(_ name: String, sourceRow: ((Int) -> Int)? = nil) throws(FormatError) -> Tensor {
        guard let place = places[name] else { throw .missingTensor(path: path, name: name) }
        return try files[place].tensor(name, sourceRow: sourceRow)
    }
}

/// What a file says about its place among the parts of a model.
private struct GGUFPart {
    /// Number of the part, from 0.
    let index: Int
    /// Number of parts.
    let count: Int
    /// Tensors in all parts together, where the file says it.
    let tensorCount: Int?

    init(index: Int, count: Int, tensorCount: Int?) {
        self.index = index
        self.count = count
        self.tensorCount = tensorCount
    }

    /// Reads the metadata; nil where the file says nothing about parts.
    init?(of file: GGUFFile) throws(FormatError) {
        guard let count = try file.metadata.integer("split.count"), count > 0 else { return nil }
        guard count <= Int(UInt16.max) else {
            throw .invalidField(
                path: file.path, field: "split.count", reason: "is \(count), more parts than a model can have")
        }
        self.count = count
        index = try file.metadata.integer("split.no") ?? 0
        tensorCount = try file.metadata.integer("split.tensors.count")
        guard (0..<count).contains(index) else {
            throw .invalidField(
                path: file.path, field: "split.no", reason: "is \(index), but there are only \(count) parts")
        }
    }

    /// Paths of all parts, from the path of this one.
    func paths(given path: String) throws(FormatError) -> [String] {
        let ending = Self.ending(index, of: count)
        guard path.hasSuffix(ending) else {
            throw .invalidField(
                path: path, field: "split.no",
                reason: "tells part \(index + 1) of \(count), so the file's name must end in \(ending); rename it")
        }
        let start = path.dropLast(ending.count)
        return (0..<count).map { start + Self.ending($0, of: count) }
    }

    private static func ending(_ index: Int, of count: Int) -> String {
        func digits(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        }
        return "-\(digits(index + 1))-of-\(digits(count)).gguf"
    }
}
