// Writes any readable model as one GGUF file, which llama.cpp opens.

public import ESparseCore
public import ESparseFormats
import ESparseModels
import ESparseTokenizers

/// A GGUF file of a model: metadata, tokenizer and dense tensors, named and ordered as llama.cpp's converter does.
public struct GGUFExport {
    private let model: OpenedModel
    private let hyperparameters: GGUFHyperparameters
    private let tokenizer: [(key: String, value: GGUFValue)]

    /// Translates the configuration and the tokenizer; reads no weights.
    ///
    /// - Throws: `FormatError.unsupported` where llama.cpp has no such architecture or setting; `TokenizerError.unsupported`
    ///   where it has no such tokenizer.
    public init(_ model: OpenedModel) throws {
        self.model = model
        let checkpoint = model.checkpoint
        hyperparameters = try GGUFHyperparameters(
            configuration: Array(checkpoint.configuration), contextLength: model.architecture.contextLength,
            path: checkpoint.path)
        tokenizer = try model.tokenizer.ggufMetadata(
            vocabularySize: model.architecture.vocabularySize, name: checkpoint.path)
    }

    /// What llama.cpp does otherwise than the model, one sentence each.
    public var notes: [String] { hyperparameters.notes }

    /// Writes the file, which appears under its name when it is complete. One tensor is in memory at a time.
    ///
    /// - Parameters:
    ///   - type: what matrices are written as; those whose rows do not fit its blocks are F16. Norms and biases are F32.
    ///   - path: the file to make.
    ///   - progress: is told how many tensors are written.
    /// - Throws: `FormatError.outputExists`, or `.runInProgress` when another process writes the file; the format's error for a
    ///   damaged tensor, or for a number that the type cannot hold; `FileError`, for example when the disk is full;
    ///   `InterruptedError`.
    public func write(type: GGUFWrittenType, to path: String, progress: any ProgressReporter) throws {
        guard !FileSystem.exists(path) else { throw FormatError.outputExists(path: path) }
        let tensors = try plan(type)
        let writer = try GGUFWriter(path: path, metadata: metadata(type), entries: tensors.map(\.entry))
        let dense = DenseTensors(model.checkpoint.weights, matrixType: nil)
        for (index, tensor) in tensors.enumerated() {
            progress.report(stage: "Exporting", completed: index, total: tensors.count, unit: "tensors")
            try writer.write(value(of: tensor.source, dense), named: tensor.entry.name)
        }
        guard !FileSystem.exists(path) else { throw FormatError.outputExists(path: path) }
        try writer.finish()
        progress.report(stage: "Exporting", completed: tensors.count, total: tensors.count, unit: "tensors")
    }

    /// Where a tensor of the file comes from.
    private enum Source {
        case model(TensorDescription)
        case vector([Float])
    }

    private func metadata(_ type: GGUFWrittenType) throws -> [(key: String, value: GGUFValue)] {
        let origin = try model.checkpoint.origin
        var general: [(key: String, value: GGUFValue)] = [
            ("general.architecture", .string(hyperparameters.architecture.name)), ("general.type", .string("model")),
            ("general.alignment", .integer(32)),
        ]
        if let name = origin.hubName ?? origin.name { general.append(("general.name", .string(name))) }
        if let license = origin.license { general.append(("general.license", .string(license))) }
        general.append(("general.file_type", .integer(type.fileType)))
        general.append(("general.quantization_version", .integer(2)))
        return general + hyperparameters.metadata + tokenizer
    }

    /// Every tensor of the file, in the order in which they lie there.
    private func plan(_ type: GGUFWrittenType) throws -> [(entry: GGUFWriter.Entry, source: Source)] {
        var tensors: [(entry: GGUFWriter.Entry, source: Source)] = hyperparameters.rotaryDivisors.map { name, values in
            (GGUFWriter.Entry(name: name, type: .f32, shape: [values.count]), .vector(values))
        }
        func append(_ description: TensorDescription, as name: String) throws {
            guard let stored = hyperparameters.architecture.tensors.storedName(name) else {
                throw FormatError.unsupported(
                    path: model.checkpoint.path, found: "the tensor \(description.name) in a GGUF file",
                    supported: "the architecture \(hyperparameters.architecture.name) has none of that kind")
            }
            let shape = description.shape
            let fits = (shape.last ?? 1) % type.type.blockSize == 0
            let written: GGUFWrittenType = shape.count < 2 ? .f32 : fits ? type : .f16
            tensors.append((GGUFWriter.Entry(name: stored, type: written, shape: shape), .model(description)))
        }
        let architecture = model.architecture
        for description in architecture.tensors {
            // A tied table may lie under the head's name alone.
            let isTable = architecture.head.isTied && description.name == architecture.embedding.name
            try append(description, as: isTable ? "model.embed_tokens.weight" : description.name)
            if isTable, hyperparameters.architecture.tensors.needsHead {
                try append(description, as: ModelArchitecture.headName)
            }
        }
        return tensors
    }

    private func value(of source: Source, _ dense: DenseTensors) throws -> Tensor {
        switch source {
        case .vector(let values): try Tensor(values, shape: [values.count])
        case .model(let description):
            try hyperparameters.stored(dense.tensor(description), named: description.name)
        }
    }
}
