// Where tensors lie in a safetensors file: its header and every tensor's place, known before a byte is written.

package import ESparseCore

/// The header of a safetensors file and the places of its tensors.
///
/// Tensors lie by falling element size, then name: with a header of a multiple of 8 bytes, every tensor is aligned to its
/// element size. Equal descriptions give equal bytes.
package struct SafetensorsLayout: Sendable {
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

        /// Describes a tensor in memory.
        package init(name: String, tensor: Tensor) {
            self.init(name: name, elementType: tensor.elementType, shape: tensor.shape)
        }

        /// Bytes of the elements.
        ///
        /// - Throws: `TensorError.invalidShape`.
        package func byteCount() throws(TensorError) -> Int {
            try Tensor.elementCount(of: shape) * elementType.byteCount
        }
    }

    /// Texts for `__metadata__` that Hugging Face's loaders want.
    package static let metadata = ["format": "pt"]

    /// The file's first bytes: the header's length and the header.
    package let header: [UInt8]
    /// Description of each tensor and where it starts in the file, by name.
    package let places: [String: (entry: Entry, offset: Int)]
    /// Size of the file.
    package let byteCount: Int

    /// Bytes of all tensors.
    package var dataByteCount: Int { byteCount - header.count }

    /// Lays out tensors; `path` is for messages.
    ///
    /// - Throws: `FormatError.duplicateTensor`; `TensorError.invalidShape`.
    package init(_ entries: [Entry], metadata: [String: String] = Self.metadata, path: String) throws {
        var members: [String: JSONValue] = ["__metadata__": .sorted(metadata.mapValues { .text($0) })]
        var offsets: [String: (entry: Entry, offset: Int)] = [:]
        var next = 0
        let sorted = entries.sorted {
            ($1.elementType.byteCount, $0.name) < ($0.elementType.byteCount, $1.name)
        }
        for entry in sorted {
            let end = next + (try entry.byteCount())
            members[entry.name] = .sorted([
                "dtype": .text(entry.elementType.rawValue), "shape": .array(entry.shape.map { .integer($0) }),
                "data_offsets": .array([.integer(next), .integer(end)]),
            ])
            guard offsets.updateValue((entry, next), forKey: entry.name) == nil else {
                throw FormatError.duplicateTensor(path: path, name: entry.name)
            }
            next = end
        }
        var text = JSONValue.sorted(members).serialized(indented: false)
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        header = length + text
        let dataStart = header.count
        places = offsets.mapValues { ($0.entry, $0.offset + dataStart) }
        byteCount = dataStart + next
    }
}
