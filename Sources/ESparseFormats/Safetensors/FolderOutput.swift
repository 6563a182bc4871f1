// Writes a Hugging Face folder tensor after tensor; it appears under its name when it is complete.

package import ESparseCore

/// A folder of safetensors in shards of limited size, with files beside them.
///
/// It is built in a folder of `OUTPUT.partial`, which a lock holds for one writer until the output has its name; what a killed one
/// left there is removed by the next.
package final class FolderOutput {
    /// The final folder.
    package let path: String
    private let partialPath: String
    private var contentsPath: String { partialPath + "/checkpoint" }
    private let lock: FolderLock

    /// Begins a folder.
    ///
    /// - Throws: as `requireFree(_:)`; `FormatError.runInProgress`; `FileError`.
    package init(_ output: String) throws {
        path = FileSystem.trimmed(output)
        partialPath = path + OutputFile.temporarySuffix
        try FolderOutput.requireFree(output)
        if !FileSystem.exists(partialPath) { try FileSystem.createFolder(partialPath) }
        lock = try FolderLock(folder: partialPath)
        // Another writer may have finished it before it let go of the lock.
        guard !FileSystem.exists(path) else { throw FormatError.outputExists(path: path) }
        try removeFiles()
        try FileSystem.createFolder(contentsPath)
    }

    /// Refuses a name that a folder cannot be given.
    ///
    /// - Throws: `FormatError.outputExists`, also where `OUTPUT.partial` is no folder that a writer left; `.unfinishedRun` where
    ///   it is a pruning run's.
    package static func requireFree(_ output: String) throws(FormatError) {
        let path = FileSystem.trimmed(output)
        let partialPath = path + OutputFile.temporarySuffix
        guard !FileSystem.exists(path) else { throw .outputExists(path: path) }
        guard FileSystem.exists(partialPath) else { return }
        // What is in a pruning run's folder may be worth hours, and what is in anyone else's we do not know.
        guard !FileSystem.exists(partialPath + "/run.json") else { throw .unfinishedRun(path: partialPath) }
        guard FileSystem.exists(partialPath + "/" + FolderLock.fileName) else {
            throw .outputExists(path: partialPath)
        }
    }

    /// Writes all tensors, one in memory at a time, and the files beside them, and gives the folder its name.
    ///
    /// - Parameters:
    ///   - entries: every tensor, in the order in which they go into files.
    ///   - files: further files by name, such as config.json.
    ///   - stage: what the work is called where its progress is shown.
    ///   - progress: is told how many tensors are written.
    ///   - tensor: makes the tensor of an entry.
    /// - Throws: what `tensor` throws; `FormatError`; `FileError`, for example when the disk is full; `InterruptedError`. The
    ///   unfinished folder is removed then.
    package func write(
        _ entries: [SafetensorsLayout.Entry], files: [String: [UInt8]], stage: String, progress: any ProgressReporter,
        tensor: (SafetensorsLayout.Entry) throws -> Tensor
    ) throws {
        do {
            let plan = try ShardPlan(entries, path: path)
            var completed = 0
            for shard in plan.shards {
                let writer = try SafetensorsWriter(path: contentsPath + "/" + shard.name, entries: shard.entries)
                for entry in shard.entries {
                    try Interruption.check()
                    progress.report(stage: stage, completed: completed, total: entries.count, unit: "tensors")
                    try writer.write(tensor(entry), named: entry.name)
                    completed += 1
                }
                try writer.finish()
            }
            var files = files
            files[ShardedSafetensors.indexName] = plan.index
            try FileSystem.writeDurably(files, into: contentsPath)
            guard !FileSystem.exists(path) else { throw FormatError.outputExists(path: path) }
            try FileSystem.rename(contentsPath, to: path)
            tidyUp()
            progress.report(stage: stage, completed: entries.count, total: entries.count, unit: "tensors")
        } catch {
            tidyUp()
            throw error
        }
    }

    /// Removes the unfinished folder. Where that fails, the output or the error that stopped the work matters more.
    private func tidyUp() {
        try? removeFiles()
        try? FileSystem.remove(partialPath + "/" + FolderLock.fileName)
        try? FileSystem.removeEmptyFolder(partialPath)
    }

    private func removeFiles() throws {
        try FileSystem.removeContents(of: partialPath, except: FolderLock.fileName)
    }
}
