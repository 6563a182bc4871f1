// Divides a folder's tensors among safetensors files of limited size, as Hugging Face's writers do.

/// The safetensors files of a folder: which tensors each holds, and the index over them.
///
/// Tensors go into files in the order given; a file ends where the next tensor would make it larger than the limit. One
/// file is called `model.safetensors`, several `model-00001-of-00003.safetensors`, with `model.safetensors.index.json`.
package struct ShardPlan: Sendable {
    /// One file.
    package struct Shard: Sendable {
        /// Name in the folder.
        package let name: String
        /// Its tensors.
        package let entries: [SafetensorsLayout.Entry]
    }

    /// The most bytes of tensors in a file, unless a single tensor has more: 5 GB, long the default of transformers.
    package static let byteLimit = 5_000_000_000

    /// The files, in order.
    package let shards: [Shard]
    /// Bytes of all tensors.
    package let byteCount: Int

    /// Divides tensors; `path` is for messages.
    ///
    /// - Throws: `FormatError.duplicateTensor`; `TensorError.invalidShape`.
    package init(_ entries: [SafetensorsLayout.Entry], byteLimit: Int = Self.byteLimit, path: String) throws {
        var groups: [[SafetensorsLayout.Entry]] = [[]]
        var (size, total) = (0, 0)
        var names: Set<String> = []
        for entry in entries {
            guard names.insert(entry.name).inserted else {
                throw FormatError.duplicateTensor(path: path, name: entry.name)
            }
            let byteCount = try entry.byteCount()
            if size + byteCount > byteLimit, groups.last?.isEmpty == false {
                groups.append([])
                size = 0
            }
            groups[groups.count - 1].append(entry)
            size += byteCount
            total += byteCount
        }
        shards = groups.enumerated().map { index, entries in
            Shard(name: Self.fileName(index, of: groups.count), entries: entries)
        }
        byteCount = total
    }

    /// Bytes of the index, or nil where one file is all there is.
    package var index: [UInt8]? {
        guard shards.count > 1 else { return nil }
        let map = shards.flatMap { shard in shard.entries.map { ($0.name, shard.name) } }
        return Self.index(Dictionary(map, uniquingKeysWith: { first, _ in first }), byteCount: byteCount)
    }

    /// Bytes of an index.
    ///
    /// - Parameters:
    ///   - files: the file of each tensor.
    ///   - byteCount: bytes of all tensors.
    package static func index(_ files: [String: String], byteCount: Int) -> [UInt8] {
        JSONValue.sorted([
            "metadata": .sorted(["total_size": .integer(byteCount)]),
            "weight_map": .sorted(files.mapValues { .text($0) }),
        ]).serialized(indented: true)
    }

    private static func fileName(_ index: Int, of count: Int) -> String {
        count == 1 ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
    }

    /// A number in five digits or more.
    package static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
