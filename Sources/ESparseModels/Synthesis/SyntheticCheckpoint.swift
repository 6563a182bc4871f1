// Writes random weights as a Hugging Face folder, one shard a decoder block.

import Dispatch
public import ESparseCore
import ESparseFormats
public import FoundationEssentials
import Synchronization

/// A folder of random weights on disk.
public enum SyntheticCheckpoint {
    /// Writes the folder, which appears under its name when it is complete. One tensor is in memory at a time.
    ///
    /// - Parameters:
    ///   - architecture: the shapes to write.
    ///   - configuration: the bytes of config.json.
    ///   - files: further files by name, such as tokenizer.json.
    ///   - seed: seed of the weights; the same seed gives the same bytes.
    ///   - output: the folder to make.
    ///   - progress: is told how many shards are written.
    /// - Throws: `FormatError.outputExists`; `FileError`, for example when the disk is full; `InterruptedError`.
    public static func write(
        _ architecture: ModelArchitecture, configuration: Data, files: [String: [UInt8]], seed: UInt64,
        to output: String,
        progress: any ProgressReporter
    ) throws {
        let output = FileSystem.trimmed(output)
        let partial = output + ".partial"
        guard !FileSystem.exists(output) else { throw FormatError.outputExists(path: output) }
        guard !FileSystem.exists(partial) else { throw FormatError.outputExists(path: partial) }
        try FileSystem.createFolder(partial)
        do {
            try fill(partial, architecture, SyntheticWeights(architecture, seed: seed), progress)
            for (name, bytes) in files { try FileSystem.writeDurably(bytes, to: partial + "/" + name) }
            try FileSystem.writeDurably(Array(configuration), to: partial + "/config.json")
            try FileSystem.rename(partial, to: output)
        } catch {
            for name in (try? FileSystem.names(in: partial)) ?? [] { try? FileSystem.remove(partial + "/" + name) }
            try? FileSystem.removeEmptyFolder(partial)
            throw error
        }
    }

    private static func fill(
        _ folder: String, _ architecture: ModelArchitecture, _ weights: SyntheticWeights,
        _ progress: any ProgressReporter
    ) throws {
        let inner = Set(architecture.blocks.flatMap { $0.tensors.map(\.name) })
        let outer = architecture.tensors.filter { !inner.contains($0.name) }
        let shards = [outer] + architecture.blocks.map(\.tensors)
        for (index, tensors) in shards.enumerated() {
            progress.report(stage: "Synthesizing", completed: index, total: shards.count, unit: "shards")
            let entries = tensors.map {
                SafetensorsWriter.Entry(name: $0.name, elementType: .bfloat16, shape: $0.shape)
            }
            let writer = try SafetensorsWriter(path: "\(folder)/model-\(index).safetensors", entries: entries)
            for tensor in tensors {
                try Interruption.check()
                try writer.write(try weights.parallelTensor(tensor.name), named: tensor.name)
            }
            try writer.finish()
        }
        progress.report(stage: "Synthesizing", completed: shards.count, total: shards.count, unit: "shards")
    }
}

extension SyntheticWeights {
    /// A whole tensor, its chunks drawn on all processors.
    fileprivate func parallelTensor(_ name: String) throws -> Tensor {
        let count = chunkCount(of: name)
        let chunks = Mutex([[UInt16]](repeating: [], count: count))
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let chunk = chunk(index, of: name)
            chunks.withLock { $0[index] = chunk }
        }
        return try Tensor(
            elementType: .bfloat16, shape: shape(of: name) ?? [],
            storage: ByteStorage(copying: chunks.withLock { Array($0.joined()) }))
    }
}
