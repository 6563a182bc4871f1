// Writes a pruned checkpoint shard by shard into `OUTPUT.partial`, which becomes OUTPUT when it is complete.

package import ESparseCore
import FoundationEssentials

/// A part of the output that is written, and durable, as a whole: one safetensors shard.
package enum CheckpointShard: Hashable, Sendable {
    /// Everything outside the decoder blocks.
    case outer
    /// The tensors of decoder block `index`, from 0.
    case block(Int)
}

/// Writes a checkpoint folder, dense or packed.
///
/// Everything is built in `OUTPUT.partial`: the checkpoint in its folder `checkpoint`, and beside it what a resumed run must
/// know. Each shard is one file, durable when `write` returns, so a killed run loses at most the block it was at;
/// `init(resuming…)` finds the shards that are complete. `finish` adds the index, the manifest and the files beside the
/// weights, and moves the folder to OUTPUT in one step. Nothing depends on time, order of writing or number of
/// threads: equal tensors give equal bytes.
package final class SparseCheckpointWriter: Sendable {
    /// Folder of the unfinished run.
    package let partialPath: String
    /// The checkpoint under construction, inside `partialPath`.
    package let checkpointPath: String
    /// The final folder.
    package let outputPath: String
    /// Decoder blocks of the model.
    package let blockCount: Int
    private let run: PruningRun
    private let lock: FolderLock

    /// Starts a new output.
    ///
    /// - Throws: `FormatError.outputExists`, `FormatError.unfinishedRun` when a partial output is there, `FileError` when the
    ///   folder cannot be made.
    package convenience init(output: String, blockCount: Int, run: PruningRun) throws {
        try self.init(checkedOutput: output, blockCount: blockCount, run: run, mayBeUnfinished: false)
        try start()
    }

    /// Goes on with an unfinished output, or starts a new one where there is none.
    ///
    /// - Throws: `FormatError.changedRun` when the unfinished run had other settings or inputs, and what `init(output:)`
    ///   throws.
    package convenience init(resuming output: String, blockCount: Int, run: PruningRun) throws {
        try self.init(checkedOutput: output, blockCount: blockCount, run: run, mayBeUnfinished: true)
        // A starting run writes its settings last, so without them there is no shard either.
        guard FileSystem.exists(runPath), FileSystem.exists(checkpointPath) else {
            try start()
            return
        }
        let earlier = try ManifestCoding.decode(PruningRun.self, from: FileSystem.read(runPath), path: runPath)
        guard earlier == run else {
            throw FormatError.changedRun(path: partialPath, differences: run.differences(from: earlier))
        }
        for folder in [partialPath, checkpointPath] {
            for name in try FileSystem.names(in: folder) where name.hasSuffix(OutputFile.temporarySuffix) {
                try FileSystem.remove(folder + "/" + name)
            }
        }
    }

    private func start() throws {
        // Files of an earlier run may belong to other settings.
        for folder in [partialPath, checkpointPath] where FileSystem.exists(folder) {
            try removeFiles(in: folder, except: FolderLock.fileName)
        }
        if !FileSystem.exists(checkpointPath) { try FileSystem.createFolder(checkpointPath) }
        try FileSystem.writeDurably(ManifestCoding.encode(run), to: runPath)
    }

    private var runPath: String { partialPath + "/run.json" }

    private init(checkedOutput output: String, blockCount: Int, run: PruningRun, mayBeUnfinished: Bool) throws {
        precondition(blockCount >= 0)
        outputPath = FileSystem.trimmed(output)
        partialPath = outputPath + OutputFile.temporarySuffix
        checkpointPath = partialPath + "/checkpoint"
        self.blockCount = blockCount
        self.run = run
        guard !FileSystem.exists(outputPath) else { throw FormatError.outputExists(path: outputPath) }
        if !FileSystem.exists(partialPath) {
            try FileSystem.createFolder(partialPath)
        } else if !mayBeUnfinished {
            throw FormatError.unfinishedRun(path: partialPath)
        }
        lock = try FolderLock(folder: partialPath)
    }

    /// File name of a shard; the outer one comes first.
    package func fileName(of shard: CheckpointShard) -> String {
        "model-\(paddedNumber(of: shard))-of-\(Self.padded(blockCount + 1)).safetensors"
    }

    private func recordsPath(of shard: CheckpointShard) -> String {
        partialPath + "/linears-\(paddedNumber(of: shard)).json"
    }

    private func paddedNumber(of shard: CheckpointShard) -> String {
        switch shard {
        case .outer: return Self.padded(1)
        case .block(let index):
            precondition(index >= 0 && index < blockCount)
            return Self.padded(index + 2)
        }
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    /// Whether a shard is durable already.
    package func isComplete(_ shard: CheckpointShard) -> Bool {
        FileSystem.exists(checkpointPath + "/" + fileName(of: shard))
    }

    /// The decoder blocks that are durable, from the first one on without a gap.
    package var completedBlockCount: Int {
        (0..<blockCount).first { !isComplete(.block($0)) } ?? blockCount
    }

    /// Writes one shard and makes it durable.
    ///
    /// - Parameters:
    ///   - tensors: stored tensors (`StoredWeight.tensors` lays out a linear).
    ///   - linears: what pruning did to the linears among them; kept for the manifest.
    /// - Throws: `FileError` when the disk is full or the folder read-only; what is complete stays.
    package func write(
        _ shard: CheckpointShard, tensors: [(name: String, tensor: Tensor)], linears: [PrunedLinear] = []
    ) throws {
        // The records first: where the shard is complete, so are they.
        try FileSystem.writeDurably(ManifestCoding.encode(linears), to: recordsPath(of: shard))
        try SafetensorsWriter.write(tensors, to: checkpointPath + "/" + fileName(of: shard))
    }

    /// What pruning did to the linears of a complete shard.
    package func linears(of shard: CheckpointShard) throws -> [PrunedLinear] {
        let path = recordsPath(of: shard)
        return try ManifestCoding.decode([PrunedLinear].self, from: FileSystem.read(path), path: path)
    }

    /// Removes the unfinished output and everything in it.
    package func discard() throws {
        for folder in [checkpointPath, partialPath] {
            try removeFiles(in: folder)
            try FileSystem.removeEmptyFolder(folder)
        }
    }

    private func removeFiles(in folder: String, except kept: String? = nil) throws {
        for name in try FileSystem.names(in: folder)
        where name != kept && !FileSystem.isFolder(folder + "/" + name) {
            try FileSystem.remove(folder + "/" + name)
        }
    }

    /// Completes the folder and gives it its name; all shards must be complete.
    ///
    /// - Parameters:
    ///   - configuration: bytes of config.json.
    ///   - files: further files by name, such as tokenizer.json.
    /// - Returns: the manifest that was written.
    /// - Throws: `FormatError.missingShard` when a shard is not complete, `FileError` when writing fails.
    @discardableResult
    package func finish(configuration: [UInt8], files: [String: [UInt8]]) throws -> SparseManifest {
        let shards = [CheckpointShard.outer] + (0..<blockCount).map { .block($0) }
        var weightMap: [String: JSONValue] = [:]
        var totalSize = 0
        var linears: [PrunedLinear] = []
        for shard in shards {
            let name = fileName(of: shard)
            guard isComplete(shard) else { throw FormatError.missingShard(path: checkpointPath, shard: name) }
            let file = try SafetensorsFile(path: checkpointPath + "/" + name)
            for (tensor, entry) in file.entries {
                guard weightMap.updateValue(.text(name), forKey: tensor) == nil else {
                    throw FormatError.duplicateTensor(path: checkpointPath, name: tensor)
                }
                totalSize += entry.byteRange.count
            }
            linears += try self.linears(of: shard)
        }
        let index = JSONValue.sorted([
            "metadata": .sorted(["total_size": .integer(totalSize)]), "weight_map": .sorted(weightMap),
        ])
        let manifest = SparseManifest(run: run, linears: linears)
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            try FileSystem.writeDurably(bytes, to: checkpointPath + "/" + name)
        }
        try FileSystem.writeDurably(configuration, to: checkpointPath + "/config.json")
        try FileSystem.writeDurably(
            index.serialized(indented: true), to: checkpointPath + "/" + ShardedSafetensors.indexName)
        try FileSystem.writeDurably(manifest.json(), to: checkpointPath + "/" + SparseManifest.fileName)
        guard !FileSystem.exists(outputPath) else { throw FormatError.outputExists(path: outputPath) }
        try FileSystem.rename(checkpointPath, to: outputPath)
        for name in try FileSystem.names(in: partialPath) { try FileSystem.remove(partialPath + "/" + name) }
        try FileSystem.removeEmptyFolder(partialPath)
        return manifest
    }
}
