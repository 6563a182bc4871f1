// A checkpoint opened for running: its architecture and tokenizer, checked, and its weights not yet read.

public import ESparseCore
public import ESparseFormats
public import ESparseModels
public import ESparseTokenizers

/// Everything that is needed to run a model but a backend.
public struct OpenedModel {
    /// The files.
    public let checkpoint: Checkpoint
    /// The model's shape.
    public let architecture: ModelArchitecture
    /// Text to tokens and back.
    public let tokenizer: Tokenizer

    /// Opens a Hugging Face folder, a folder of `esparse prune`, or a GGUF file; reads no weights.
    ///
    /// - Throws: the format's error; `UnfitCheckpoint`; `TokenizerError`.
    public init(path: String) throws {
        checkpoint = try Checkpoint.open(path)
        architecture = try ModelArchitecture(checkpoint)
        tokenizer = try Tokenizer.load(checkpoint)
    }

    /// The token that separates documents; nil where the model has none.
    public var endToken: Int32? { architecture.endTokens.first ?? tokenizer.endOfSequenceID }

    /// Element type of the first linear's weights; nil where they cannot be read, which loading will tell.
    public var weightType: ElementType? { architecture.weightType(in: checkpoint.weights) }

    /// Loads all weights.
    ///
    /// - Throws: as `LanguageModel.load(architecture:weights:backend:progress:)`.
    public func load<B: Backend>(
        onto backend: B, progress: any ProgressReporter = SilentProgress()
    ) throws -> LanguageModel<B> {
        try LanguageModel.load(
            architecture: architecture, weights: checkpoint.weights, backend: backend, progress: progress)
    }

    /// The files that a checkpoint made from this one has beside its weights, by name: tokenizer and licence.
    ///
    /// - Throws: `FileError`.
    public var companionFiles: [String: [UInt8]] {
        get throws {
            switch checkpoint.tokenizer {
            case .folder(let folder): try CompanionFiles.read(from: folder)
            case .gguf:
                [
                    "tokenizer.json": Array(try tokenizer.tokenizerJSON()),
                    "tokenizer_config.json": Array(tokenizer.tokenizerConfigJSON()),
                ]
            }
        }
    }
}

extension ModelArchitecture {
    /// Element type of the first linear's weights; nil where they cannot be read, which loading will tell.
    public func weightType(in weights: any WeightSource) -> ElementType? {
        guard let linear = blocks.first?.sites.first?.linears.first,
            let weight = try? weights.linearWeight(linear.name)
        else { return nil }
        return switch weight.matrix {
        case .dense(let tensor): tensor.elementType
        case .sparse(let matrix): matrix.values.elementType
        }
    }
}
