// Writes a packed checkpoint as the dense one that computes the same, to measure against.

public import ESparseCore
public import ESparseFormats
public import ESparseModels

/// A dense copy of a checkpoint: packed linears with their zeros written out, channels in their original order.
public enum DenseCopy {
    /// Writes a Hugging Face folder without a tokenizer, one shard a decoder block.
    ///
    /// - Throws: the format's error for a damaged tensor; `FileError`; `InterruptedError`.
    public static func write(
        _ checkpoint: Checkpoint, _ architecture: ModelArchitecture, to folder: String,
        progress: any ProgressReporter = SilentProgress()
    ) throws {
        try architecture.validate(checkpoint.weights)
        try FileSystem.createFolder(folder)
        try FileSystem.writeDurably(checkpoint.configuration(storing: nil), to: folder + "/config.json")
        let inner = Set(architecture.blocks.flatMap { $0.tensors.map(\.name) })
        let shards =
            [architecture.tensors.filter { !inner.contains($0.name) }] + architecture.blocks.map(\.tensors)
        for (index, shard) in shards.enumerated() {
            try Interruption.check()
            progress.report(stage: "Writing a dense copy", completed: index, total: shards.count, unit: "shards")
            let tensors = try shard.map { ($0.name, try dense($0.name, of: checkpoint.weights)) }
            let writer = try SafetensorsWriter(
                path: "\(folder)/model-\(index).safetensors",
                entries: tensors.map {
                    SafetensorsWriter.Entry(name: $0.0, elementType: $0.1.elementType, shape: $0.1.shape)
                })
            for (name, tensor) in tensors { try writer.write(tensor, named: name) }
            try writer.finish()
        }
        progress.report(
            stage: "Writing a dense copy", completed: shards.count, total: shards.count, unit: "shards")
    }

    private static func dense(_ name: String, of weights: any WeightSource) throws -> Tensor {
        guard weights.shape(of: name)?.count == 2 else { return try weights.tensor(name) }
        let weight = try weights.linearWeight(name)
        guard case .sparse(let matrix) = weight.matrix else { return try weights.tensor(name) }
        return try matrix.decompressed(permutation: weight.permutation)
    }
}
