// From the residual stream to logits.

package import ESparseCore

/// A model's last norm, output projection and vocabulary linear as data.
package struct HeadDescription: Sendable {
    /// The last norm, if any.
    package let normalization: NormalizationDescription?
    /// From the hidden size to the token table's channels, where they differ.
    package let projection: LinearDescription?
    /// Name of the weight `[V, channels]`; the token table's own name where they are tied.
    package internal(set) var name: String
    /// V: rows of the weight.
    package let vocabularySize: Int
    /// Columns of the weight.
    package let channels: Int
    /// Whether the weight is the token table.
    package let isTied: Bool
    /// Logits become `softCap * tanh(logit / softCap)` (Gemma 2); nil leaves them as they are.
    package let softCap: Float?

    /// The head's own tensors, in order of data flow; a tied table belongs to the embedding.
    package var tensors: [TensorDescription] {
        (normalization?.tensors ?? []) + (projection?.tensors ?? [])
            + (isTied ? [] : [TensorDescription(name: name, shape: shape, role: .linear)])
    }

    private var shape: [Int] { [vocabularySize, channels] }

    /// Loads the norm, the projection and the vocabulary linear.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    func load<B: Backend>(from reader: WeightReader, onto backend: B) throws -> LanguageHead<B> {
        let table = try reader.tensor(name, shape: shape)
        return LanguageHead(
            backend: backend,
            normalization: try normalization.map { try backend.prepare($0, order: nil, reader) },
            projection: try projection.map { try backend.prepare($0, reader) },
            vocabulary: try backend.prepareLinear(LinearWeight(matrix: .dense(table)), bias: nil), softCap: softCap)
    }
}

/// A model's last norm, output projection and vocabulary linear on a backend.
package struct LanguageHead<B: Backend>: Sendable {
    let backend: B
    let normalization: B.PreparedNormalization?
    let projection: B.PreparedLinear?
    let vocabulary: B.PreparedLinear
    let softCap: Float?

    /// The vocabulary linear's input for rows of the last block's output.
    private func features(_ hidden: B.Activation) throws -> B.Activation {
        var features = hidden
        if let normalization { features = try backend.normalize(features, with: normalization) }
        if let projection { features = try backend.multiply(features, by: projection) }
        return features
    }

    /// Logits `[T, V]` of rows `[T, D]` of the last block's output.
    ///
    /// - Throws: the backend's error.
    package func logits(_ hidden: B.Activation) throws -> B.Activation {
        try backend.logits(features(hidden), by: vocabulary, softCap: softCap)
    }

    /// How likely each target is after rows `[T, D]` of the last block's output; targets must be in the vocabulary.
    ///
    /// - Throws: the backend's error.
    package func likelihoods(of targets: [Int32], _ hidden: B.Activation) throws -> [TargetLikelihood] {
        try backend.likelihoods(of: targets, hidden: features(hidden), head: vocabulary, softCap: softCap)
    }
}

extension ModelArchitecture {
    /// Loads what turns hidden states into logits.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    package func loadHead<B: Backend>(from weights: any WeightSource, onto backend: B) throws -> LanguageHead<B> {
        try head.load(from: WeightReader(weights), onto: backend)
    }
}
