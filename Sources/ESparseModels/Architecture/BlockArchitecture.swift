// What one decoder block is made of, for both model families.

package import ESparseCore

/// The parts of one decoder block.
package struct BlockArchitecture: Sendable {
    /// The layers between `feedForwardInput` and `feedForwardOutput`.
    package enum FeedForward: Sendable {
        /// `function(x W_gate^T) * (x W_up^T)` (LLaMA).
        case gated(gate: LinearDescription, up: LinearDescription)
        /// `function(x W^T)` (OPT's fc1).
        case plain(LinearDescription)
    }

    /// Read by the query, key and value projections, `[T, D]`.
    package static let attentionInput = "attention-input"
    /// Read by the attention's output projection, `[T, H * S]`.
    package static let attentionOutput = "attention-output"
    /// Read by the first linears of the feed-forward layer, `[T, D]`.
    package static let feedForwardInput = "feed-forward-input"
    /// Read by the last linear of the feed-forward layer, `[T, inner channels]`.
    package static let feedForwardOutput = "feed-forward-output"

    /// Whether a layer's input is normalised (LLaMA, most OPT) rather than its sum with the residual (OPT-350m).
    package let normalizesFirst: Bool
    /// Norm of the attention.
    package let attentionNormalization: NormalizationDescription
    /// Norm of the feed-forward layer.
    package let feedForwardNormalization: NormalizationDescription
    /// `[H * S, D]`
    package let query: LinearDescription
    /// `[K * S, D]`
    package let key: LinearDescription
    /// `[K * S, D]`
    package let value: LinearDescription
    /// `[D, H * S]`
    package let output: LinearDescription
    /// Heads and rotary frequencies, without an output order.
    package let attention: AttentionDescription
    /// First linears of the feed-forward layer, `[inner, D]`.
    package let feedForward: FeedForward
    /// Applied between the linears of the feed-forward layer.
    package let function: ActivationFunction
    /// Last linear of the feed-forward layer, `[D, inner]`.
    package let down: LinearDescription

    /// First linears of the feed-forward layer.
    package var feedForwardLinears: [LinearDescription] {
        switch feedForward {
        case .gated(let gate, let up): [gate, up]
        case .plain(let linear): [linear]
        }
    }

    /// The inputs of the block's linears, in order of data flow.
    ///
    /// A block that normalises last feeds the residual stream itself to the linears, so those two sites keep their order.
    /// Every function between the feed-forward linears works element by element, so permuting the producers' rows
    /// permutes the last linear's input exactly.
    package var sites: [InputSite] {
        let normalized: InputSite.Shuffle = normalizesFirst ? .atRunTime : .impossible
        return [
            InputSite(name: Self.attentionInput, linears: [query, key, value], shuffle: normalized),
            InputSite(name: Self.attentionOutput, linears: [output], shuffle: .atRunTime),
            InputSite(name: Self.feedForwardInput, linears: feedForwardLinears, shuffle: normalized),
            InputSite(name: Self.feedForwardOutput, linears: [down], shuffle: .inProducers(feedForwardLinears)),
        ]
    }

    /// All tensors of the block.
    package var tensors: [TensorDescription] {
        attentionNormalization.tensors + feedForwardNormalization.tensors
            + sites.flatMap { $0.linears.flatMap(\.tensors) }
    }
}
