// The safetensors files of a Hugging Face folder as one set of tensors under canonical names.

package import ESparseCore

/// The tensors of a folder: `model.safetensors.index.json` and its shards, or else every `model*.safetensors`.
///
/// Names are canonical: a checkpoint that leaves out the leading `model.` (`layers.0…`, `decoder.layers.0…`) is presented
/// as if it had it.
package struct ShardedSafetensors: Sendable {
    /// The folder.
    package let path: String
    /// Canonical names, sorted.
    package let names: [String]
    /// Size of all shards on disk.
    package let byteCount: Int
    private let shards: [SafetensorsFile]
    private let places: [String: (shard: Int, storedName: String)]

    /// Name of the index file.
    package static let indexName = "model.safetensors.index.json"

    /// Maps and checks all shards.
    ///
    /// - Throws: `FormatError` or `FileError` when the index or a shard is missing, damaged or outside the folder.
    package init(folder: String) throws {
        let index = folder + "/" + ShardedSafetensors.indexName
        if FileSystem.exists(index) {
            let map = try ShardedSafetensors.weightMap(FileSystem.read(index), path: index)
            try self.init(folder: folder, weightMap: map)
        } else {
            try self.init(folder: folder, fileNames: try ShardedSafetensors.shardNames(in: folder))
        }
    }

    /// Opens the tensors that an index names.
    private init(folder: String, weightMap: [String: String]) throws {
        var files: [String: SafetensorsFile] = [:]
        for shard in Set(weightMap.values).sorted() {
            guard FileSystem.exists(folder + "/" + shard) else {
                throw FormatError.missingShard(path: folder, shard: shard)
            }
            files[shard] = try SafetensorsFile(path: folder + "/" + shard)
        }
        let ordered = files.sorted { $0.key < $1.key }
        let numbers = Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($0.element.key, $0.offset) })
        var stored: [(name: String, shard: Int)] = []
        for (name, shard) in weightMap {
            guard let number = numbers[shard], ordered[number].value.entries[name] != nil else {
                throw FormatError.missingTensor(path: folder + "/" + shard, name: name)
            }
            stored.append((name, number))
        }
        try self.init(folder: folder, shards: ordered.map(\.value), stored: stored)
    }

    /// Opens all tensors of the given files of the folder.
    package init(folder: String, fileNames: [String]) throws {
        try self.init(folder: folder, files: fileNames.map { try SafetensorsFile(path: folder + "/" + $0) })
    }

    /// Takes all tensors of files that are open already; `folder` is for messages.
    package init(folder: String, files shards: [SafetensorsFile]) throws {
        let stored = shards.enumerated().flatMap { number, shard in shard.entries.keys.map { ($0, number) } }
        try self.init(folder: folder, shards: shards, stored: stored)
    }

    private init(folder: String, shards: [SafetensorsFile], stored: [(name: String, shard: Int)]) throws {
        path = folder
        self.shards = shards
        var places: [String: (shard: Int, storedName: String)] = [:]
        for (name, shard) in stored {
            guard places.updateValue((shard, name), forKey: CanonicalName.of(name)) == nil else {
                throw FormatError.duplicateTensor(path: folder, name: name)
            }
        }
        self.places = places
        names = places.keys.sorted()
        byteCount = shards.reduce(0) { $0 + FileSystem.byteCount(of: $1.path) }
    }

    /// Reads the index: tensor name to shard, every shard a relative path that stays in the folder.
    package static func weightMap(_ bytes: [UInt8], path: String) throws(FormatError) -> [String: String] {
        guard let members = try JSONParser.parse(bytes, path: path)["weight_map"]?.members else {
            throw .invalidField(path: path, field: "weight_map", reason: "must be an object from tensor to shard")
        }
        var map: [String: String] = [:]
        for member in members {
            let name = member.name
            guard let shard = member.value.text else {
                throw .invalidField(path: path, field: "weight_map.\(name)", reason: "must be the name of a shard")
            }
            guard FileSystem.isContained(shard) else { throw .shardOutsideFolder(path: path, shard: shard) }
            guard map.updateValue(shard, forKey: name) == nil else { throw .duplicateTensor(path: path, name: name) }
        }
        return map
    }

    private static func shardNames(in folder: String) throws -> [String] {
        let names = try FileSystem.names(in: folder)
        if names.contains("model.safetensors") { return ["model.safetensors"] }
        let shards = names.filter { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
        guard let first = shards.first else {
            let hasPickle = names.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth") }
            let hint = hasPickle ? "; save its weights as safetensors first" : ""
            throw FormatError.notACheckpoint(path: folder, reason: "the folder has no model*.safetensors" + hint)
        }
        // "model-00001-of-00003.safetensors" says how many there must be.
        let parts = first.dropLast(".safetensors".count).split(separator: "-")
        if parts.count == 4, parts[2] == "of", let count = Int(parts[3]), count > shards.count {
            let present = Set(shards)
            for number in 1...count {
                let digits = String(number)
                let padding = String(repeating: "0", count: max(0, parts[3].count - digits.count))
                let name = "\(parts[0])-\(padding)\(digits)-of-\(parts[3]).safetensors"
                if !present.contains(name) { throw FormatError.missingShard(path: folder, shard: name) }
            }
        }
        return shards
    }

    /// The header's entry of a tensor, or nil where there is none.
    package func entry(_ name: String) -> SafetensorsFile.Entry? {
        guard let place = places[CanonicalName.of(name)] else { return nil }
        return shards[place.shard].entries[place.storedName]
    }

    /// A view of a tensor.
    package func tensor(_ name: String) throws(FormatError) -> Tensor {
        guard let place = places[CanonicalName.of(name)] else { throw .missingTensor(path: path, name: name) }
        return try shards[place.shard].tensor(place.storedName)
    }
}

/// A tensor's name with the prefix that its checkpoint may leave out.
package enum CanonicalName {
    /// Puts `model.` before names that start inside the model's body.
    package static func of(_ name: String) -> String {
        let starts = ["layers.", "embed_tokens.", "norm.", "decoder."]
        return starts.contains { name.hasPrefix($0) } ? "model." + name : name
    }
}
