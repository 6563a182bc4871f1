// Writes one safetensors file tensor after tensor; it appears under its name when it is complete.

package import ESparseCore

/// Streams tensors into a safetensors file.
///
/// The header comes first, so names, types and shapes are given up front; the tensors may then be written in any order. In
/// the file they lie by falling element size, then name: with a header of a multiple of 8 bytes, every tensor is aligned
/// to its element size. Equal tensors give equal bytes.
package final class SafetensorsWriter {
    /// A tensor's description in the header.
    package struct Entry: Sendable, Equatable {
        /// Name in the file.
        package let name: String
        /// Type of the elements.
        package let elementType: ElementType
        /// Extents, slowest first.
        package let shape: [Int]

        /// Describes a tensor.
        package init(name: String, elementType: ElementType, shape: [Int]) {
            self.name = name
            self.elementType = elementType
            self.shape = shape
        }
    }

    /// Bytes of all tensors.
    package let dataByteCount: Int
    private let file: OutputFile
    private var pending: [String: (entry: Entry, offset: Int)]

    /// Writes the header under a temporary name.
    ///
    /// - Parameter metadata: texts for `__metadata__`; Hugging Face's loaders want `format`.
    /// - Throws: `FormatError.duplicateTensor`, or `FileError` when the file cannot be written.
    package init(path: String, entries: [Entry], metadata: [String: String] = ["format": "pt"]) throws {
        var header: [String: JSONValue] = ["__metadata__": .sorted(metadata.mapValues { .text($0) })]
        var offsets: [String: (entry: Entry, offset: Int)] = [:]
        var next = 0
        let sorted = entries.sorted {
            ($1.elementType.byteCount, $0.name) < ($0.elementType.byteCount, $1.name)
        }
        for entry in sorted {
            let end = next + (try Tensor.elementCount(of: entry.shape)) * entry.elementType.byteCount
            header[entry.name] = .sorted([
                "dtype": .text(entry.elementType.rawValue), "shape": .array(entry.shape.map { .integer($0) }),
                "data_offsets": .array([.integer(next), .integer(end)]),
            ])
            guard offsets.updateValue((entry, next), forKey: entry.name) == nil else {
                throw FormatError.duplicateTensor(path: path, name: entry.name)
            }
            next = end
        }
        var text = JSONValue.sorted(header).serialized(indented: false)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        file = try OutputFile(path: path)
        try file.write(length + text, at: 0)
        dataByteCount = next
        pending = offsets.mapValues { ($0.entry, $0.offset + 8 + text.count) }
    }

    /// Writes one tensor's bytes; each tensor exactly once and as described.
    ///
    /// - Throws: `FileError` when the file cannot be written, for instance because the disk is full.
    package func write(_ tensor: Tensor, named name: String) throws(FileError) {
        guard let (entry, offset) = pending.removeValue(forKey: name) else {
            preconditionFailure("tensor \(name) was not announced or is written twice")
        }
        precondition(entry.elementType == tensor.elementType && entry.shape == tensor.shape)
        do {
            try unsafe tensor.withUnsafeBytes { try unsafe file.write($0, at: offset) }
        } catch let error as FileError {
            throw error
        } catch {
            throw FileError(path: file.path, operation: "write", code: 5)
        }
    }

    /// Makes the file durable under its name; all announced tensors must have been written.
    package func finish() throws(FileError) {
        precondition(pending.isEmpty, "not all announced tensors were written")
        try file.commit()
    }

    /// Writes a whole file from tensors in memory.
    package static func write(
        _ tensors: [(name: String, tensor: Tensor)], to path: String, metadata: [String: String] = ["format": "pt"]
    ) throws {
        let entries = tensors.map {
            Entry(name: $0.name, elementType: $0.tensor.elementType, shape: $0.tensor.shape)
        }
        let writer = try SafetensorsWriter(path: path, entries: entries, metadata: metadata)
        for (name, tensor) in tensors { try writer.write(tensor, named: name) }
        try writer.finish()
    }
}
