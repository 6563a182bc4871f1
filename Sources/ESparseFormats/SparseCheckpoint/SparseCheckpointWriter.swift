// Writes a pruned checkpoint block by block into `OUTPUT.partial`; when all is there, it becomes OUTPUT.

package import ESparseCore
import FoundationEssentials

/// A part of the output that is written, and durable, as a whole: one safetensors file of a run.
package enum CheckpointUnit: Hashable, Sendable {
    /// Everything outside the decoder blocks.
    case outer
    /// The tensors of decoder block `index`, from 0.
    case block(Int)
}

/// Writes a checkpoint folder, dense or packed.
///
/// Everything is built in `OUTPUT.partial`: one file a unit, beside it what a resumed run must know, and at the end, in its
/// folder `checkpoint`, the checkpoint. Each unit is durable when `write` returns, so a killed run loses at most the block it
/// was at; `init(resuming…)` finds the units that are complete. `finish` merges them into shards of limited size
/// (`ShardMerge`), adds the index, the manifest and the files beside the weights, and moves the folder to OUTPUT in one step.
/// Nothing depends on time, order of writing or number of threads: equal tensors give equal bytes.
package final class SparseCheckpointWriter: Sendable {
    /// Folder of the unfinished run.
    package let partialPath: String
    /// The checkpoint under construction, inside `partialPath`.
    private let checkpointPath: String
    /// The final folder.
    package let outputPath: String
    /// Decoder blocks of the model.
    package let blockCount: Int
    private let run: PruningRun
    private let merge: ShardMerge
    private let lock: FolderLock

    /// Starts a new output.
    ///
    /// - Parameters:
    ///   - output: the folder to make.
    ///   - blockCount: decoder blocks of the model.
    ///   - run: what decides the output.
    ///   - shardByteLimit: the most bytes of tensors in a file of the finished folder.
    /// - Throws: `FormatError.outputExists`, `FormatError.unfinishedRun` when a partial output is there, `FileError` when the
    ///   folder cannot be made.
    package convenience init(
        output: String, blockCount: Int, run: PruningRun, shardByteLimit: Int = ShardPlan.byteLimit
    ) throws {
        try self.init(output, blockCount, run, shardByteLimit, mayBeUnfinished: false)
        try start()
    }

    /// Goes on with an unfinished output, or starts a new one where there is none; parameters as `init(output:)`.
    ///
    /// - Throws: `FormatError.changedRun` when the unfinished run had other settings or inputs, and what `init(output:)`
    ///   throws.
    package convenience init(
        resuming output: String, blockCount: Int, run: PruningRun, shardByteLimit: Int = ShardPlan.byteLimit
    ) throws {
        try self.init(output, blockCount, run, shardByteLimit, mayBeUnfinished: true)
        // A starting run writes its settings last, so without them there is no unit either.
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

    /// The manifest of a finished output beside which its run was killed before it had removed its folder; removes that.
    ///
    /// - Returns: nil where the output is not there or not this run's, or nothing of this run is beside it; a new writer says
    ///   then what is in the way.
    /// - Throws: `FormatError.runInProgress`; `FileError`.
    package static func tidyingUp(after run: PruningRun, output: String) throws -> SparseManifest? {
        let output = FileSystem.trimmed(output)
        let (partial, manifestPath) = (output + OutputFile.temporarySuffix, output + "/" + SparseManifest.fileName)
        guard FileSystem.isFolder(partial), FileSystem.exists(manifestPath),
            let manifest = try? SparseManifest(json: FileSystem.read(manifestPath), path: manifestPath),
            manifest.run == run
        else { return nil }
        let runPath = partial + "/run.json"
        if FileSystem.exists(runPath) {
            let earlier = try? ManifestCoding.decode(PruningRun.self, from: FileSystem.read(runPath), path: runPath)
            guard earlier == run else { return nil }
        } else {
            // It is removed last.
            guard try FileSystem.names(in: partial).allSatisfy({ $0 == FolderLock.fileName }) else { return nil }
        }
        let lock = try FolderLock(folder: partial)
        try withExtendedLifetime(lock) {
            try FileSystem.removeContents(of: partial)
            try FileSystem.removeEmptyFolder(partial)
        }
        return manifest
    }

    private func start() throws {
        // Files of an earlier run may belong to other settings.
        try FileSystem.removeContents(of: partialPath, except: FolderLock.fileName)
        try FileSystem.createFolder(checkpointPath)
        try FileSystem.writeDurably(ManifestCoding.encode(run), to: runPath)
    }

    private var runPath: String { partialPath + "/run.json" }

    private init(
        _ output: String, _ blockCount: Int, _ run: PruningRun, _ shardByteLimit: Int, mayBeUnfinished: Bool
    ) throws {
        precondition(blockCount >= 0)
        outputPath = FileSystem.trimmed(output)
        partialPath = outputPath + OutputFile.temporarySuffix
        checkpointPath = partialPath + "/checkpoint"
        self.blockCount = blockCount
        self.run = run
        merge = ShardMerge(
            runFolder: partialPath, shardFolder: checkpointPath,
            units: Self.units(blockCount).map(Self.fileName), byteLimit: shardByteLimit)
        guard !FileSystem.exists(outputPath) else { throw FormatError.outputExists(path: outputPath) }
        if !FileSystem.exists(partialPath) {
            try FileSystem.createFolder(partialPath)
        } else if !mayBeUnfinished {
            throw FormatError.unfinishedRun(path: partialPath)
        }
        lock = try FolderLock(folder: partialPath)
        // Another process may have finished it before it let go of the lock.
        guard !FileSystem.exists(outputPath) else { throw FormatError.outputExists(path: outputPath) }
    }

    /// All units, in the order of the finished folder's tensors.
    private static func units(_ blockCount: Int) -> [CheckpointUnit] {
        [.outer] + (0..<blockCount).map { .block($0) }
    }

    /// File name of a unit in the folder of the run; the outer one comes first.
    package static func fileName(of unit: CheckpointUnit) -> String {
        "weights-\(paddedNumber(of: unit)).safetensors"
    }

    private func recordsPath(of unit: CheckpointUnit) -> String {
        partialPath + "/linears-\(Self.paddedNumber(of: unit)).json"
    }

    private static func paddedNumber(of unit: CheckpointUnit) -> String {
        switch unit {
        case .outer: ShardPlan.padded(1)
        case .block(let index): ShardPlan.padded(index + 2)
        }
    }

    /// Whether a unit is durable already.
    package func isComplete(_ unit: CheckpointUnit) -> Bool {
        merge.hasBegun || FileSystem.exists(partialPath + "/" + Self.fileName(of: unit))
    }

    /// The decoder blocks that are durable, from the first one on without a gap.
    package var completedBlockCount: Int {
        (0..<blockCount).first { !isComplete(.block($0)) } ?? blockCount
    }

    /// Writes one unit and makes it durable.
    ///
    /// - Parameters:
    ///   - unit: which one.
    ///   - tensors: stored tensors (`StoredWeight.tensors` lays out a linear).
    ///   - linears: what pruning did to the linears among them; kept for the manifest.
    /// - Throws: `FileError` when the disk is full or the folder read-only; what is complete stays.
    package func write(
        _ unit: CheckpointUnit, tensors: [(name: String, tensor: Tensor)], linears: [PrunedLinear] = []
    ) throws {
        // The records first: where the unit is complete, so are they.
        try FileSystem.writeDurably(ManifestCoding.encode(linears), to: recordsPath(of: unit))
        try SafetensorsWriter.write(tensors, to: partialPath + "/" + Self.fileName(of: unit))
    }

    /// What pruning did to the linears of a complete unit.
    package func linears(of unit: CheckpointUnit) throws -> [PrunedLinear] {
        let path = recordsPath(of: unit)
        return try ManifestCoding.decode([PrunedLinear].self, from: FileSystem.read(path), path: path)
    }

    /// Removes the unfinished output and everything in it.
    package func discard() throws {
        try FileSystem.removeContents(of: partialPath)
        try FileSystem.removeEmptyFolder(partialPath)
    }

    /// Completes the folder and gives it its name; all units must be complete.
    ///
    /// - Parameters:
    ///   - configuration: bytes of config.json.
    ///   - files: further files by name, such as tokenizer.json.
    ///   - origin: what is known of the model that was pruned, for the model card.
    ///   - progress: is told how many units are merged.
    /// - Returns: the manifest that was written.
    /// - Throws: `FormatError.missingShard` when a unit is not complete, `FileError` when writing fails, `InterruptedError`;
    ///   after each of them a resumed run goes on where this one stopped.
    @discardableResult
    package func finish(
        configuration: [UInt8], files: [String: [UInt8]], origin: ModelOrigin = ModelOrigin(),
        progress: any ProgressReporter = SilentProgress()
    ) throws -> SparseManifest {
        let units = Self.units(blockCount)
        for unit in units where !isComplete(unit) {
            throw FormatError.missingShard(path: partialPath, shard: Self.fileName(of: unit))
        }
        let manifest = SparseManifest(run: run, linears: try units.flatMap { try linears(of: $0) })
        try mergeUnits(progress)
        var files = files
        files["config.json"] = configuration
        files[ShardedSafetensors.indexName] = try merge.index()
        files[SparseManifest.fileName] = try manifest.json()
        files[ModelCard.fileName] = ModelCard(manifest: manifest, origin: origin).markdown
        try FileSystem.writeDurably(files, into: checkpointPath)
        guard !FileSystem.exists(outputPath) else { throw FormatError.outputExists(path: outputPath) }
        try FileSystem.rename(checkpointPath, to: outputPath)
        try discard()
        return manifest
    }

    private func mergeUnits(_ progress: any ProgressReporter) throws {
        if !merge.hasBegun { try merge.begin() }
        let (pending, total) = (merge.pendingUnits, merge.units.count)
        for (index, unit) in pending.enumerated() {
            let completed = total - pending.count + index
            progress.report(stage: "Merging", completed: completed, total: total, unit: "files")
            try merge.merge(unit)
        }
        progress.report(stage: "Merging", completed: total, total: total, unit: "files")
    }
}
