// One GGUF file, mapped and checked: metadata, tensor descriptions, and tensors as views or dequantised.

package import ESparseCore

/// A memory-mapped GGUF file (version 2 or 3, little endian) whose header has been checked completely.
public struct GGUFFile: Sendable {
    /// A tensor as the header describes it.
    public struct Entry: Sendable, Equatable {
        /// ggml's number of the type.
        public let typeNumber: UInt32
        /// Extents, slowest first (the file has them fastest first).
        public let shape: [Int]
        /// Where the bytes start in the file.
        public let byteOffset: Int
    }

    /// Where the file is.
    public let path: String
    /// The metadata.
    public let metadata: GGUFMetadata
    /// The tensors under the names the file has.
    public let entries: [String: Entry]
    /// Size of the file.
    public var byteCount: Int { storage.byteCount }
    private let storage: ByteStorage

    private static let maximumDimensions = 4
    private static let maximumAlignment = 1 << 20

    /// Maps and checks a file.
    ///
    /// - Throws: `FileError` when it cannot be mapped, `FormatError` when it is not a sound GGUF file.
    public init(path: String) throws {
        try self.init(path: path, storage: ByteStorage(mapping: path))
    }

    /// Checks bytes that are in memory already; `path` is for messages.
    package init(path: String, storage: ByteStorage) throws(FormatError) {
        self.path = path
        self.storage = storage
        var cursor = GGUFCursor(path: path, storage: storage)
        guard try cursor.integer(UInt32.self, "the magic number") == 0x4655_4747 else {
            throw .notACheckpoint(path: path, reason: "the file does not start with GGUF")
        }
        let version = try cursor.integer(UInt32.self, "the version")
        guard version == 2 || version == 3 else {
            let isSwapped = version.byteSwapped == 2 || version.byteSwapped == 3
            let found = isSwapped ? "big-endian GGUF" : "GGUF version \(version)"
            throw .unsupported(path: path, found: found, supported: "little-endian GGUF of version 2 or 3 is")
        }
        // A tensor takes at least 24 bytes here (empty name, no dimensions), a metadata value 13.
        let tensorCount = try cursor.count(of: "tensors", minimumSize: 24)
        let valueCount = try cursor.count(of: "metadata values", minimumSize: 13)
        var values: [String: GGUFValue] = [:]
        for _ in 0..<valueCount {
            let key = try cursor.string("a metadata key")
            guard values.updateValue(try cursor.value(of: key), forKey: key) == nil else {
                throw .invalidField(path: path, field: key, reason: "appears more than once")
            }
        }
        metadata = GGUFMetadata(path: path, values: values)
        let alignment = try metadata.integer("general.alignment") ?? 32
        guard alignment > 0, alignment <= GGUFFile.maximumAlignment, alignment.nonzeroBitCount == 1 else {
            let reason = "is \(alignment), but a power of two up to \(GGUFFile.maximumAlignment) is needed"
            throw .invalidField(path: path, field: "general.alignment", reason: reason)
        }
        var described: [(name: String, typeNumber: UInt32, shape: [Int], offset: UInt64)] = []
        for _ in 0..<tensorCount {
            described.append(try GGUFFile.description(from: &cursor, alignment: alignment))
        }
        let dataStart = (cursor.position + alignment - 1) / alignment * alignment
        entries = try GGUFFile.place(
            described, path: path, dataStart: dataStart, dataCount: max(0, storage.byteCount - dataStart))
    }

    private static func description(
        from cursor: inout GGUFCursor, alignment: Int
    ) throws(FormatError) -> (name: String, typeNumber: UInt32, shape: [Int], offset: UInt64) {
        let name = try cursor.string("a tensor's name")
        func invalid(_ problem: TensorProblem) -> FormatError {
            .invalidTensor(path: cursor.path, name: name, problem: problem)
        }
        let dimensionCount = try cursor.integer(UInt32.self, "a tensor's number of dimensions")
        guard dimensionCount <= maximumDimensions else {
            throw invalid(.tooManyDimensions(Int(dimensionCount), limit: maximumDimensions))
        }
        var shape: [Int] = []
        for _ in 0..<dimensionCount {
            let extent = try cursor.integer(UInt64.self, "a tensor's dimension")
            guard let extent = Int(exactly: extent) else { throw invalid(.invalidShape) }
            shape.insert(extent, at: 0)
        }
        let typeNumber = try cursor.integer(UInt32.self, "a tensor's type")
        let offset = try cursor.integer(UInt64.self, "a tensor's offset")
        guard offset % UInt64(alignment) == 0 else {
            throw invalid(.misaligned(offset: offset, alignment: alignment))
        }
        return (name, typeNumber, shape, offset)
    }

    /// Checks that every tensor lies inside the data and on no other.
    private static func place(
        _ described: [(name: String, typeNumber: UInt32, shape: [Int], offset: UInt64)], path: String,
        dataStart: Int, dataCount: Int
    ) throws(FormatError) -> [String: Entry] {
        var entries: [String: Entry] = [:]
        var end = 0
        var previous = ""
        for tensor in described.sorted(by: { ($0.offset, $0.name) < ($1.offset, $1.name) }) {
            func invalid(_ problem: TensorProblem) -> FormatError {
                .invalidTensor(path: path, name: tensor.name, problem: problem)
            }
            let byteCount = try GGUFFile.byteCount(tensor.typeNumber, tensor.shape, orThrow: invalid)
            guard let offset = Int(exactly: tensor.offset), offset <= dataCount, byteCount <= dataCount - offset else {
                let (tensorEnd, overflow) = tensor.offset.addingReportingOverflow(UInt64(byteCount))
                let lastByte = overflow ? UInt64.max : tensorEnd
                throw invalid(.outsideFile(start: tensor.offset, end: lastByte, available: dataCount))
            }
            guard offset >= end else { throw invalid(.overlaps(other: previous)) }
            if byteCount > 0 {
                end = offset + byteCount
                previous = tensor.name
            }
            let entry = Entry(typeNumber: tensor.typeNumber, shape: tensor.shape, byteOffset: dataStart + offset)
            guard entries.updateValue(entry, forKey: tensor.name) == nil else {
                throw .duplicateTensor(path: path, name: tensor.name)
            }
        }
        return entries
    }

    /// Bytes that type and shape need; 0 for a type of unknown size, whose tensors are refused when asked for.
    private static func byteCount(
        _ typeNumber: UInt32, _ shape: [Int], orThrow invalid: (TensorProblem) -> FormatError
    ) throws(FormatError) -> Int {
        guard let count = TensorShape.elementCount(shape) else { throw invalid(.invalidShape) }
        guard let type = GGMLType(rawValue: typeNumber) else { return 0 }
        let rowLength = shape.last ?? 1
        guard rowLength % type.blockSize == 0 else {
            let name = GGMLType.name(of: typeNumber)
            throw invalid(.partialBlock(rowLength: rowLength, block: type.blockSize, type: name))
        }
        let (bytes, overflow) = (count / type.blockSize).multipliedReportingOverflow(by: type.blockByteCount)
        guard !overflow else { throw invalid(.invalidShape) }
        return bytes
    }

    /// A tensor: F32, F16 and BF16 as views of the mapped file, quantised types dequantised to F32 in memory.
    ///
    /// - Parameter sourceRow: which row of the file goes to each row of the result; nil leaves them in place.
    /// - Throws: `FormatError` when there is no such tensor or its type is not supported.
    package func tensor(_ name: String, sourceRow: ((Int) -> Int)? = nil) throws(FormatError) -> Tensor {
        guard let entry = entries[name] else { throw .missingTensor(path: path, name: name) }
        guard let type = GGMLType(rawValue: entry.typeNumber) else {
            let problem = TensorProblem.unsupportedType(GGMLType.name(of: entry.typeNumber))
            throw .invalidTensor(path: path, name: name, problem: problem)
        }
        do {
            let view = type.plainType
            let isAligned = entry.byteOffset % (view?.byteCount ?? 1) == 0
            if let view, isAligned, sourceRow == nil {
                return try Tensor(
                    elementType: view, shape: entry.shape, storage: storage, byteOffset: entry.byteOffset)
            }
            let resultType = view ?? .float32
            if entry.shape.contains(0) {
                return try Tensor(
                    elementType: resultType, shape: entry.shape, storage: ByteStorage(copying: [UInt8]()))
            }
            // One-dimensional tensors are permuted value by value; others by their slowest dimension.
            let rows = entry.shape.first ?? 1
            let rowLength = entry.shape.dropFirst().reduce(1, *)
            let rowsPerRun = rowLength % type.blockSize == 0 ? 1 : max(rows, 1)
            guard rowsPerRun == 1 || sourceRow == nil else {
                let problem = TensorProblem.partialBlock(
                    rowLength: rowLength, block: type.blockSize, type: GGMLType.name(of: entry.typeNumber))
                throw FormatError.invalidTensor(path: path, name: name, problem: problem)
            }
            let runBytes = rowsPerRun * rowLength / type.blockSize * type.blockByteCount
            let resultRunBytes = rowsPerRun * rowLength * resultType.byteCount
            let result = unsafe ByteStorage(byteCount: rows * rowLength * resultType.byteCount) { destination in
                unsafe storage.withUnsafeBytes { source in
                    for run in 0..<(rows / rowsPerRun) {
                        let from = entry.byteOffset + (sourceRow?(run) ?? run) * runBytes
                        let input = unsafe UnsafeRawBufferPointer(rebasing: source[from..<(from + runBytes)])
                        let into = run * resultRunBytes
                        let output = unsafe UnsafeMutableRawBufferPointer(
                            rebasing: destination[into..<(into + resultRunBytes)])
                        if view == nil {
                            unsafe Dequantization.dequantize(type, input, into: output)
                        } else {
                            unsafe output.copyMemory(from: input)
                        }
                    }
                }
            }
            return try Tensor(elementType: resultType, shape: entry.shape, storage: result)
        } catch let error as FormatError {
            throw error
        } catch {
            throw .invalidTensor(path: path, name: name, problem: .invalidShape)
        }
    }
}
