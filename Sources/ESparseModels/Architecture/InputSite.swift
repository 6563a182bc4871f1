// The places of a decoder block where linears read their input: what pruning collects statistics on and shuffles.

/// One of the four inputs of a decoder block's linears, in order of data flow.
package enum InputSite: String, Sendable, CaseIterable, Codable {
    /// Read by the query, key and value projections, `[T, D]`.
    case attentionInput = "attention-input"
    /// Read by the attention's output projection, `[T, H * S]`.
    case attentionOutput = "attention-output"
    /// Read by the first linears of the feed-forward layer, `[T, D]`.
    case feedForwardInput = "feed-forward-input"
    /// Read by the last linear of the feed-forward layer, `[T, inner channels]`.
    case feedForwardOutput = "feed-forward-output"
}

/// The linears of a block that read one input, and how that input can be put in another order.
package struct LinearSite: Sendable {
    /// How the site's channels get into a permuted order.
    package enum Shuffle: Sendable {
        /// While the model runs: the norm or the attention before the site writes in the order that the linears'
        /// `LinearWeight.permutation` asks for.
        case atRunTime
        /// At prune time: the rows (and bias elements) of these linears are permuted, and the site's linears carry no
        /// permutation.
        case inProducers([LinearDescription])
        /// Not at all: the input is also the residual stream, which has no order of its own.
        case impossible
    }

    /// Which input.
    package let kind: InputSite
    /// The linears that read it; all have the same number of columns.
    package let linears: [LinearDescription]
    /// How its channels can be shuffled.
    package let shuffle: Shuffle

    /// C: channels of the input.
    package var channels: Int { linears[0].columns }
}
