// Writes one GGUF file tensor after tensor; it appears under its name when it is complete.

package import ESparseCore

/// Streams tensors into a GGUF file, version 3, little endian, tensors aligned to 32 bytes.
///
/// Metadata and the tensors' descriptions come first, so they are given up front; the tensors may then be written in any
/// order, a few rows in memory at a time. Equal inputs give equal bytes.
package final class GGUFWriter {
    /// A tensor's description.
    package struct Entry: Sendable, Equatable {
        /// Name in the file.
        package let name: String
        /// What its values are written as.
        package let type: GGUFWrittenType
        /// Extents, slowest first (the file has them fastest first).
        package let shape: [Int]

        /// Describes a tensor; rows must be a multiple of the type's block.
        package init(name: String, type: GGUFWrittenType, shape: [Int]) {
            self.name = name
            self.type = type
            self.shape = shape
        }

        /// Bytes of the values.
        ///
        /// - Throws: `TensorError.invalidShape`.
        fileprivate func byteCount() throws(TensorError) -> Int {
            try Tensor.elementCount(of: shape) / type.type.blockSize * type.type.blockByteCount
        }
    }

    private static let alignment = 32
    /// Values that are rounded at a time.
    private static let pieceCount = 1 << 20

    private let path: String
    /// Keeps others from writing the same file; it is the temporary file that is locked.
    private let lock: FileLock
    private let file: OutputFile
    private var pending: [String: (entry: Entry, offset: Int)]

    /// Writes metadata and descriptions under a temporary name.
    ///
    /// - Parameters:
    ///   - path: name of the finished file.
    ///   - metadata: keys and values, in order; integers that fit become UINT32, arrays of them INT32, numbers FLOAT32.
    ///   - entries: every tensor that will be written, in the order in which they lie in the file.
    /// - Throws: `FormatError.duplicateTensor`, or `.runInProgress` when another process writes the file;
    ///   `TensorError.invalidShape`; `FileError` when the file cannot be written.
    package init(path: String, metadata: [(key: String, value: GGUFValue)], entries: [Entry]) throws {
        self.path = path
        var header = GGUFHeader(tensorCount: entries.count, valueCount: metadata.count)
        for (key, value) in metadata { header.append(value, of: key) }
        var offsets: [String: (entry: Entry, offset: Int)] = [:]
        var next = 0
        for entry in entries {
            precondition((entry.shape.last ?? 1) % entry.type.type.blockSize == 0)
            header.append(entry, at: next)
            guard offsets.updateValue((entry, next), forKey: entry.name) == nil else {
                throw FormatError.duplicateTensor(path: path, name: entry.name)
            }
            next = Self.aligned(next + (try entry.byteCount()))
        }
        let dataStart = Self.aligned(header.bytes.count)
        lock = try FileLock.taken(path: path + OutputFile.temporarySuffix, toWrite: path)
        file = try OutputFile(path: path)
        try file.write(header.bytes, at: 0)
        // Gaps between tensors, and that after the last, are zeros.
        try file.extend(to: dataStart + next)
        pending = offsets.mapValues { ($0.entry, $0.offset + dataStart) }
    }

    private static func aligned(_ offset: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

    /// Rounds one tensor's values to its type and writes them; each tensor exactly once and in the shape described.
    ///
    /// - Throws: `FormatError.unsupported` where the type cannot hold a value; `TensorError.notFloatingPoint`; `FileError`,
    ///   for instance because the disk is full; `InterruptedError`.
    package func write(_ tensor: Tensor, named name: String) throws {
        guard let (entry, start) = pending.removeValue(forKey: name) else {
            preconditionFailure("tensor \(name) was not announced or is written twice")
        }
        precondition(entry.shape == tensor.shape)
        let rowsAtOnce = max(1, Self.pieceCount / max(1, tensor.columns))
        var offset = start
        for first in stride(from: 0, to: tensor.rows, by: rowsAtOnce) {
            try Interruption.check()
            let values = try tensor.floats(rows: first..<min(first + rowsAtOnce, tensor.rows))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(values.count * 4)
            if let index = BlockEncoding.encode(values, as: entry.type, into: &bytes) {
                throw FormatError.unsupported(
                    path: path, found: "the weight \(values[index]) of \(name)",
                    supported:
                        "\(GGMLType.name(of: entry.type.type.rawValue)) cannot hold it, BF16 holds every finite one")
            }
            try file.write(bytes, at: offset)
            offset += bytes.count
        }
    }

    /// Makes the file durable under its name; all announced tensors must have been written.
    ///
    /// - Throws: `FileError`.
    package func finish() throws(FileError) {
        precondition(pending.isEmpty, "not all announced tensors were written")
        try file.commit()
    }
}

/// The bytes before the tensors.
private struct GGUFHeader {
    private(set) var bytes = Array("GGUF".utf8)

    init(tensorCount: Int, valueCount: Int) {
        append(UInt32(3))
        append(UInt64(tensorCount))
        append(UInt64(valueCount))
    }

    private mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        for shift in stride(from: 0, to: Integer.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    private mutating func append<Element>(
        _ elements: [Element], type: UInt32, _ body: (inout GGUFHeader, Element) -> Void
    ) {
        append(UInt32(9))
        append(type)
        append(UInt64(elements.count))
        for element in elements { body(&self, element) }
    }

    /// A key, its value's type and its value.
    mutating func append(_ value: GGUFValue, of key: String) {
        append(key)
        switch value {
        case .integer(let value):
            if let value = UInt32(exactly: value) {
                append(UInt32(4))
                append(value)
            } else {
                append(UInt32(11))
                append(Int64(value))
            }
        case .number(let value):
            append(UInt32(6))
            append(Float(value).bitPattern)
        case .bool(let value):
            append(UInt32(7))
            append(UInt8(value ? 1 : 0))
        case .string(let text):
            append(UInt32(8))
            append(text)
        case .integers(let values): append(values, type: 5) { $0.append(Int32(clamping: $1)) }
        case .numbers(let values): append(values, type: 6) { $0.append($1.bitPattern) }
        case .bools(let values): append(values, type: 7) { $0.append(UInt8($1 ? 1 : 0)) }
        case .strings(let texts): append(texts, type: 8) { $0.append($1) }
        }
    }

    /// A tensor's name, extents, type and place among the tensors.
    mutating func append(_ entry: GGUFWriter.Entry, at offset: Int) {
        append(entry.name)
        append(UInt32(entry.shape.count))
        for extent in entry.shape.reversed() { append(UInt64(extent)) }
        append(entry.type.type.rawValue)
        append(UInt64(offset))
    }
}
