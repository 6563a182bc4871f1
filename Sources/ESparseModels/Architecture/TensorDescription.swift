// A tensor that a model needs: its name, its shape, and what it is for.

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
        /// A norm's weight less 1, near 0 (Gemma).
        case normalizationOffset
    }

    /// Name in the checkpoint, as Hugging Face writes it.
    package let name: String
    /// Extents, slowest first.
    package let shape: [Int]
    /// What it is for.
    package let role: Role
}
