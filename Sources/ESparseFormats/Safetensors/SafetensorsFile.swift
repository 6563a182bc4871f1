// One safetensors file, mapped and checked: 8 bytes of header length, a JSON header, then the tensors' bytes.

public import ESparseCore

/// A memory-mapped safetensors file whose header has been checked completely.
///
/// The checks are those of the reference implementation: the header is at most 100 MB, tensors follow each other without
/// gap or overlap, byte counts agree with type and shape, and the last tensor ends where the file ends. Repeated names are
/// refused as well. A tensor of a type that `ElementType` lacks is an error only when it is asked for.
public struct SafetensorsFile: Sendable {
    /// A tensor as the header describes it.
    public struct Entry: Sendable, Equatable {
        /// The type's name in the header, such as "BF16".
        public let type: String
        /// Extents, slowest first.
        public let shape: [Int]
        /// Bytes in the file, counted from its start.
        public let byteRange: Range<Int>
    }

    /// Longest header that is accepted, as in the reference implementation.
    public static let maximumHeaderLength = 100_000_000

    /// Where the file is.
    public let path: String
    /// The tensors by name.
    public let entries: [String: Entry]
    /// The texts under `__metadata__`.
    public let metadata: [String: String]
    private let storage: ByteStorage

    /// Maps and checks a file.
    ///
    /// - Throws: `FileError` when it cannot be mapped, `FormatError` when it is not a sound safetensors file.
    public init(path: String) throws {
        try self.init(path: path, storage: ByteStorage(mapping: path))
    }

    /// Checks bytes that are in memory already; `path` is for messages.
    package init(path: String, storage: ByteStorage) throws(FormatError) {
        self.path = path
        self.storage = storage
        let header = try SafetensorsFile.headerBytes(path: path, storage: storage)
        guard header.first == UInt8(ascii: "{"), let members = try JSONParser.parse(header, path: path).members else {
            throw .invalidJSON(path: path, offset: 0, reason: "the header must be an object")
        }
        var entries: [String: Entry] = [:]
        var metadata: [String: String] = [:]
        let dataStart = 8 + header.count
        for member in members {
            let name = member.name
            if name == "__metadata__" {
                metadata = try SafetensorsFile.metadata(member.value, path: path)
                continue
            }
            let entry = try SafetensorsFile.entry(
                member.value, name: name, path: path, dataStart: dataStart, dataCount: storage.byteCount - dataStart)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw .duplicateTensor(path: path, name: name)
            }
        }
        self.entries = entries
        self.metadata = metadata
        try checkLayout(dataStart: dataStart)
    }

    private static func headerBytes(path: String, storage: ByteStorage) throws(FormatError) -> [UInt8] {
        guard storage.byteCount >= 8 else {
            throw .truncated(path: path, part: "the header length", needed: 8, available: storage.byteCount)
        }
        let length = unsafe storage.withUnsafeBytes { unsafe UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
        guard length <= maximumHeaderLength else {
            throw .headerTooLong(path: path, length: length, limit: maximumHeaderLength)
        }
        guard Int(length) <= storage.byteCount - 8 else {
            throw .truncated(path: path, part: "the header", needed: length, available: storage.byteCount - 8)
        }
        return unsafe storage.withUnsafeBytes { unsafe Array($0[8..<(8 + Int(length))]) }
    }

    private static func metadata(_ value: JSONValue, path: String) throws(FormatError) -> [String: String] {
        guard let members = value.members else {
            throw .invalidField(path: path, field: "__metadata__", reason: "must be an object of texts")
        }
        var metadata: [String: String] = [:]
        for member in members {
            guard let text = member.value.text else {
                throw .invalidField(path: path, field: "__metadata__.\(member.name)", reason: "must be a text")
            }
            metadata[member.name] = text
        }
        return metadata
    }

    private static func entry(
        _ value: JSONValue, name: String, path: String, dataStart: Int, dataCount: Int
    ) throws(FormatError) -> Entry {
        func field(_ key: String, _ reason: String) -> FormatError {
            .invalidField(path: path, field: "\(name).\(key)", reason: reason)
        }
        func invalid(_ problem: TensorProblem) -> FormatError {
            .invalidTensor(path: path, name: name, problem: problem)
        }
        guard value.members != nil else {
            throw .invalidField(path: path, field: name, reason: "must be an object with dtype, shape and data_offsets")
        }
        guard let type = value["dtype"]?.text else { throw field("dtype", "must be a text") }
        guard let dimensions = value["shape"]?.array else { throw field("shape", "must be an array of integers") }
        var shape: [Int] = []
        for dimension in dimensions {
            guard let extent = dimension.integer else {
                if case .number = dimension { throw invalid(.invalidShape) }
                throw field("shape", "must be an array of integers")
            }
            shape.append(extent)
        }
        guard let offsets = value["data_offsets"]?.array, offsets.count == 2, let start = offsets[0].integer,
            let end = offsets[1].integer
        else { throw field("data_offsets", "must be two integers that fit 63 bits") }
        guard start >= 0, end >= 0 else { throw field("data_offsets", "must not be negative") }
        guard start <= end else { throw invalid(.reversedOffsets(start: start, end: end)) }
        guard end <= dataCount else {
            throw invalid(.outsideFile(start: UInt64(start), end: UInt64(end), available: dataCount))
        }
        guard let count = TensorShape.elementCount(shape) else { throw invalid(.invalidShape) }
        if let bits = SafetensorsFile.bitCounts[type] {
            let (total, overflow) = count.multipliedReportingOverflow(by: bits)
            guard !overflow else { throw invalid(.invalidShape) }
            guard total % 8 == 0, total / 8 == end - start else {
                throw invalid(.sizeMismatch(type: type, shape: shape, bytes: end - start))
            }
        }
        return Entry(type: type, shape: shape, byteRange: (dataStart + start)..<(dataStart + end))
    }

    /// Checks that the tensors fill the data without gap or overlap, empty tensors included.
    private func checkLayout(dataStart: Int) throws(FormatError) {
        let sorted = entries.sorted {
            ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound, $0.key)
                < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound, $1.key)
        }
        var next = dataStart
        var previous = ""
        for (name, entry) in sorted {
            guard entry.byteRange.lowerBound >= next else {
                throw .invalidTensor(path: path, name: name, problem: .overlaps(other: previous))
            }
            guard entry.byteRange.lowerBound == next else {
                let problem = TensorProblem.gap(
                    before: entry.byteRange.lowerBound - dataStart, expected: next - dataStart)
                throw .invalidTensor(path: path, name: name, problem: problem)
            }
            next = entry.byteRange.upperBound
            previous = name
        }
        guard next == storage.byteCount else {
            let reason =
                "describes \(next - dataStart) bytes of data, but the file has \(storage.byteCount - dataStart)"
            throw .invalidField(path: path, field: "header", reason: reason)
        }
    }

    /// A view of a tensor in the mapped file; a copy only where the file aligns it badly.
    ///
    /// - Throws: `FormatError` when there is no such tensor or its type is not supported.
    public func tensor(_ name: String) throws(FormatError) -> Tensor {
        guard let entry = entries[name] else { throw .missingTensor(path: path, name: name) }
        guard let type = ElementType(rawValue: entry.type) else {
            throw .invalidTensor(path: path, name: name, problem: .unsupportedType(entry.type))
        }
        do {
            guard entry.byteRange.lowerBound % type.byteCount != 0 else {
                return try Tensor(
                    elementType: type, shape: entry.shape, storage: storage, byteOffset: entry.byteRange.lowerBound)
            }
            let copy = unsafe ByteStorage(byteCount: entry.byteRange.count) { destination in
                unsafe storage.withUnsafeBytes { source in
                    unsafe destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[entry.byteRange]))
                }
            }
            return try Tensor(elementType: type, shape: entry.shape, storage: copy)
        } catch {
            throw .invalidTensor(path: path, name: name, problem: .invalidShape)
        }
    }

    /// Bits of one element of every type the format defines.
    private static let bitCounts: [String: Int] = [
        "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64,
        "C64": 64,
    ]
}
