// Writes random weights as a Hugging Face folder.

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
    ///   - progress: is told how many tensors are written.
    /// - Throws: `FormatError.outputExists`; `FileError`, for example when the disk is full; `InterruptedError`.
    public static func write(
        _ architecture: ModelArchitecture, configuration: Data, files: [String: [UInt8]], seed: UInt64,
        to output: String,
        progress: any ProgressReporter
    ) throws {
        let weights = SyntheticWeights(architecture, seed: seed)
        let entries = architecture.tensors.map {
            SafetensorsLayout.Entry(name: $0.name, elementType: .bfloat16, shape: $0.shape)
        }
        try FolderOutput(output).write(
            entries, files: files.merging(["config.json": Array(configuration)]) { $1 }, stage: "Synthesizing",
            progress: progress
        ) { try weights.parallelTensor($0.name) }
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
