// Writes one safetensors file tensor after tensor; it appears under its name when it is complete.

package import ESparseCore

/// Streams tensors into a safetensors file.
///
/// The header comes first, so names, types and shapes are given up front; the tensors may then be written in any order.
/// `SafetensorsLayout` says where they lie. Equal tensors give equal bytes.
package final class SafetensorsWriter {
    /// A tensor's description in the header.
    package typealias Entry = SafetensorsLayout.Entry

    /// Bytes of all tensors.
    package let dataByteCount: Int
    private let file: OutputFile
    private var pending: [String: (entry: Entry, offset: Int)]

    /// Writes the header under a temporary name.
    ///
    /// - Parameters:
    ///   - path: name of the finished file.
    ///   - entries: every tensor that will be written.
    ///   - metadata: texts for `__metadata__`.
    /// - Throws: `FormatError.duplicateTensor`, or `FileError` when the file cannot be written.
    package init(path: String, entries: [Entry], metadata: [String: String] = SafetensorsLayout.metadata) throws {
        let layout = try SafetensorsLayout(entries, metadata: metadata, path: path)
        file = try OutputFile(path: path)
        try file.write(layout.header, at: 0)
        dataByteCount = layout.dataByteCount
        pending = layout.places
    }

    /// Writes one tensor's bytes; each tensor exactly once and as described.
    ///
    /// - Throws: `FileError` when the file cannot be written, for instance because the disk is full.
    package func write(_ tensor: Tensor, named name: String) throws(FileError) {
        guard let (entry, offset) = pending.removeValue(forKey: name) else {
            preconditionFailure("tensor \(name) was not announced or is written twice")
        }
        precondition(entry.elementType == tensor.elementType && entry.shape == tensor.shape)
        try file.write(tensor, at: offset)
    }

    /// Makes the file durable under its name; all announced tensors must have been written.
    package func finish() throws(FileError) {
        precondition(pending.isEmpty, "not all announced tensors were written")
        try file.commit()
    }

    /// Writes a whole file from tensors in memory.
    package static func write(
        _ tensors: [(name: String, tensor: Tensor)], to path: String,
        metadata: [String: String] = SafetensorsLayout.metadata
    ) throws {
        let entries = tensors.map { Entry(name: $0.name, tensor: $0.tensor) }
        let writer = try SafetensorsWriter(path: path, entries: entries, metadata: metadata)
        for (name, tensor) in tensors { try writer.write(tensor, named: name) }
        try writer.finish()
    }
}
