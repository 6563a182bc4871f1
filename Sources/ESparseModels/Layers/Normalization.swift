// A norm: its description and its loading.

package import ESparseCore

/// A normalisation over the hidden channels, or over those of heads.
package struct NormalizationDescription: Sendable, Hashable {
    /// Which formula.
    package let kind: NormalizationKind
    /// Channels.
    package let size: Int
    /// Added to the mean square or variance.
    package let epsilon: Float
    /// Name of the weight `[size]`; nil means 1.
    package let weightName: String?
    /// Name of the bias `[size]`; nil means 0.
    package let biasName: String?
    /// Whether the weight is what is stored plus 1 (Gemma).
    package let addsOne: Bool

    /// Describes a norm.
    package init(
        kind: NormalizationKind, size: Int, epsilon: Float, weightName: String?, biasName: String?,
        addsOne: Bool = false
    ) {
        self.kind = kind
        self.size = size
        self.epsilon = epsilon
        self.weightName = weightName
        self.biasName = biasName
        self.addsOne = addsOne
    }

    /// The weight and the bias.
    package var tensors: [TensorDescription] {
        (weightName.map {
            [TensorDescription(name: $0, shape: [size], role: addsOne ? .normalizationOffset : .normalization)]
        } ?? [])
            + (biasName.map { [TensorDescription(name: $0, shape: [size], role: .bias)] } ?? [])
    }
}

extension Backend {
    /// Loads a norm that writes its channels in `order`.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different; errors of the source and the backend.
    func prepare(
        _ norm: NormalizationDescription, order: Permutation?, _ reader: WeightReader
    ) throws -> PreparedNormalization {
        var weight = try reader.tensor(ifNamed: norm.weightName, shape: [norm.size])
        if norm.addsOne {
            weight = try weight.map { stored in try Tensor(stored.floats().map { 1 + $0 }, shape: stored.shape) }
        }
        return try prepareNormalization(
            norm.kind, size: norm.size, weight: weight,
            bias: reader.tensor(ifNamed: norm.biasName, shape: [norm.size]), epsilon: norm.epsilon, permutation: order)
    }
}
