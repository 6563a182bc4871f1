// Reads the architecture of a checkpoint and checks it against the tensors that are there.

public import ESparseFormats

extension ModelArchitecture {
    /// Reads a checkpoint's config.json and checks that every tensor it calls for is there, with the right shape and a type
    /// that can be read. Reads no weights, so a misfit shows before any work is done.
    ///
    /// - Throws: `UnfitCheckpoint` when the settings are not those of a supported model or the tensors do not fit them; the
    ///   format's error for a tensor's type.
    public init(_ checkpoint: Checkpoint) throws {
        do {
            try self.init(configuration: checkpoint.configuration, for: checkpoint.weights)
            try validate(checkpoint.weights)
        } catch let problem as ModelError {
            throw UnfitCheckpoint(path: checkpoint.path, kind: checkpoint.kind, problem: problem)
        }
    }
}

/// A checkpoint whose settings or tensors are not those of a supported model.
public struct UnfitCheckpoint: Error, CustomStringConvertible {
    /// The folder or file.
    public let path: String
    /// What kind of checkpoint it is.
    public let kind: Checkpoint.Kind
    /// What does not fit.
    public let problem: ModelError

    /// One sentence for the user.
    public var description: String {
        kind == .gguf ? "\(path), its metadata read as a config.json: \(problem)" : "\(path): \(problem)"
    }
}
