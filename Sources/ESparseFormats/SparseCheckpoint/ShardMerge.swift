// Merges a run's files, one a unit of work, into the few files of the finished folder.

import ESparseCore

/// Moves tensors from a run's unit files to the finished folder's shards, in place and in bounded memory and disk space.
///
/// First every shard gets its header and its full size, which takes no room on the disk yet, and a marker file says so. Then
/// one unit file after the other is copied to its tensors' places, the shards are synchronised, and the unit file is removed.
/// So the disk must have room for the largest unit beyond what the run has written, and a merge that was killed goes on with
/// the unit files that are still there: copying one again writes the same bytes to the same places.
package struct ShardMerge {
    /// Folder of the unit files and of the marker.
    package let runFolder: String
    /// Folder of the shards; holds nothing else before the merge.
    package let shardFolder: String
    /// Names of all unit files, in the order in which their tensors go into shards.
    package let units: [String]
    /// The most bytes of tensors in a shard.
    package let byteLimit: Int

    /// Describes the merge of a run's unit files.
    package init(runFolder: String, shardFolder: String, units: [String], byteLimit: Int) {
        self.runFolder = runFolder
        self.shardFolder = shardFolder
        self.units = units
        self.byteLimit = byteLimit
    }

    /// Name of the marker.
    package static let markerName = "merging"

    private var markerPath: String { runFolder + "/" + Self.markerName }

    /// Whether a merge has begun; then a unit file that is not there has been merged.
    package var hasBegun: Bool { FileSystem.exists(markerPath) }

    /// The unit files that are still to be merged.
    package var pendingUnits: [String] { units.filter { FileSystem.exists(runFolder + "/" + $0) } }

    /// Makes the shards, still without their tensors' bytes; all unit files must be there.
    ///
    /// - Throws: `FormatError` for a damaged unit file or a tensor that two of them hold; `FileError`.
    package func begin() throws {
        try FileSystem.removeContents(of: shardFolder)
        var entries: [SafetensorsLayout.Entry] = []
        for unit in units {
            let file = try SafetensorsFile(path: runFolder + "/" + unit)
            entries += try file.entries.keys.sorted().map { name in
                SafetensorsLayout.Entry(name: name, tensor: try file.tensor(name))
            }
        }
        for shard in try ShardPlan(entries, byteLimit: byteLimit, path: shardFolder).shards {
            let path = shardFolder + "/" + shard.name
            let layout = try SafetensorsLayout(shard.entries, path: path)
            let file = try WritableFile(creating: path)
            try file.write(layout.header, at: 0)
            try file.extend(to: layout.byteCount)
            try file.synchronize()
            try file.close()
        }
        try FileSystem.synchronize(folder: shardFolder)
        try FileSystem.writeDurably([], to: markerPath)
    }

    /// Moves the tensors of one unit file to the shards and removes it.
    ///
    /// - Throws: `FormatError` for a damaged file; `FileError`, for example when the disk is full; `InterruptedError`.
    package func merge(_ unit: String) throws {
        let path = runFolder + "/" + unit
        let source = try SafetensorsFile(path: path)
        var missing = Set(source.entries.keys)
        for shard in try openShards() {
            let shared = source.entries.keys.filter { shard.entries[$0] != nil }.sorted()
            guard !shared.isEmpty else { continue }
            let file = try WritableFile(opening: shard.path)
            for name in shared {
                try Interruption.check()
                let tensor = try source.tensor(name)
                guard let place = shard.entries[name]?.byteRange, place.count == tensor.byteCount else { continue }
                try file.write(tensor, at: place.lowerBound)
                tensor.releasePages()
                missing.remove(name)
            }
            try file.synchronize()
            try file.close()
        }
        if let name = missing.min() { throw FormatError.missingTensor(path: shardFolder, name: name) }
        try FileSystem.remove(path)
    }

    /// The index over the shards, or nil where one file is all there is.
    ///
    /// - Throws: `FormatError` for a damaged shard; `FileError`.
    package func index() throws -> [UInt8]? {
        let shards = try openShards()
        guard shards.count > 1 else { return nil }
        var files: [String: String] = [:]
        var byteCount = 0
        for shard in shards {
            let name = String(shard.path.dropFirst(shardFolder.count + 1))
            for (tensor, entry) in shard.entries {
                files[tensor] = name
                byteCount += entry.byteRange.count
            }
        }
        return ShardPlan.index(files, byteCount: byteCount)
    }

    private func openShards() throws -> [SafetensorsFile] {
        try FileSystem.names(in: shardFolder).filter { $0.hasSuffix(".safetensors") }
            .map { try SafetensorsFile(path: shardFolder + "/" + $0) }
    }
}
