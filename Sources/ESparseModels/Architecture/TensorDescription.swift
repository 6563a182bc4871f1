// The names and shapes of a model's tensors, and what each is for.

package import ESparseCore

/// A tensor that a model needs.
package struct TensorDescription: Sendable, Hashable {
    /// What a tensor is for; decides the values a synthetic checkpoint gives it.
    package enum Role: Sendable, Hashable {
        /// A table looked up by token or position.
        case embedding
        /// A linear's weight `[R, C]`.
        case linear
        /// A linear's weight whose output is added to the residual stream.
        case residualLinear
        /// A linear's or norm's bias.
        case bias
        /// A norm's weight, near 1.
        case normalization
    }

    /// Name in the checkpoint, as Hugging Face writes it.
    package let name: String
    /// Extents, slowest first.
    package let shape: [Int]
    /// What it is for.
    package let role: Role
}

/// A linear layer `y = x W^T + b`.
package struct LinearDescription: Sendable, Hashable {
    /// Name of the weight `[rows, columns]`, ending in `.weight`.
    package let name: String
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// Whether there is a bias `[rows]`.
    package let hasBias: Bool
    /// Whether the output is added to the residual stream.
    package let writesResidual: Bool

    /// Describes the linear called `module`, whose tensors are `module.weight` and, if any, `module.bias`.
    package init(_ module: String, rows: Int, columns: Int, hasBias: Bool, writesResidual: Bool = false) {
        name = module + ".weight"
        self.rows = rows
        self.columns = columns
        self.hasBias = hasBias
        self.writesResidual = writesResidual
    }

    /// Name of the bias `[rows]`, if any.
    package var biasName: String? { hasBias ? name.dropLast("weight".count) + "bias" : nil }

    /// Shape of the weight.
    package var shape: [Int] { [rows, columns] }

    /// The weight and the bias.
    package var tensors: [TensorDescription] {
        [TensorDescription(name: name, shape: shape, role: writesResidual ? .residualLinear : .linear)]
            + (biasName.map { [TensorDescription(name: $0, shape: [rows], role: .bias)] } ?? [])
    }
}

/// A normalisation over the hidden channels.
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

    /// The weight and the bias.
    package var tensors: [TensorDescription] {
        (weightName.map { [TensorDescription(name: $0, shape: [size], role: .normalization)] } ?? [])
            + (biasName.map { [TensorDescription(name: $0, shape: [size], role: .bias)] } ?? [])
    }
}
