// From the residual stream to logits.

package import ESparseCore

/// A model's last norm, output projection and vocabulary linear on a backend.
package struct LanguageHead<B: Backend>: Sendable {
    let backend: B
    let normalization: B.PreparedNormalization?
    let projection: B.PreparedLinear?
    let vocabulary: B.PreparedLinear

    /// The vocabulary linear's input for rows of the last block's output.
    private func features(_ hidden: B.Activation) -> B.Activation {
        var features = hidden
        if let normalization { features = backend.normalize(features, with: normalization) }
        if let projection { features = backend.multiply(features, by: projection) }
        return features
    }

    /// Logits `[T, V]` of rows `[T, D]` of the last block's output.
    package func logits(_ hidden: B.Activation) -> B.Activation {
        backend.logits(features(hidden), by: vocabulary)
    }

    /// How likely each target is after rows `[T, D]` of the last block's output; targets must be in the vocabulary.
    package func likelihoods(of targets: [Int32], _ hidden: B.Activation) -> [TargetLikelihood] {
        backend.likelihoods(of: targets, hidden: features(hidden), head: vocabulary)
    }
}

extension ModelArchitecture {
    /// Loads what turns hidden states into logits.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    package func loadHead<B: Backend>(from weights: any WeightSource, onto backend: B) throws -> LanguageHead<B> {
        let reader = WeightReader(weights)
        let table = try reader.tensor(head.name, shape: [vocabularySize, embedding.channels])
        return LanguageHead(
            backend: backend,
            normalization: try head.normalization.map { try backend.prepare($0, order: nil, reader) },
            projection: try head.projection.map { try backend.prepare($0, reader) },
            vocabulary: try backend.prepareLinear(LinearWeight(matrix: .dense(table)), bias: nil))
    }
}
