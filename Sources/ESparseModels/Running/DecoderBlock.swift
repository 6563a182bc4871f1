// One decoder block, ready to run: attention, then the feed-forward layer, each added to the residual stream.

package import ESparseCore

/// A decoder block of either family with its weights on a backend.
package struct DecoderBlock<B: Backend>: Sendable {
    /// The layers before the last linear of the feed-forward layer.
    enum FeedForward: Sendable {
        case gated(gate: B.PreparedLinear, up: B.PreparedLinear)
        case plain(B.PreparedLinear)
    }

    let backend: B
    let normalizesFirst: Bool
    let attentionNormalization: B.PreparedNormalization
    let query: B.PreparedLinear
    let key: B.PreparedLinear
    let value: B.PreparedLinear
    let attention: B.PreparedAttention
    let output: B.PreparedLinear
    let feedForwardNormalization: B.PreparedNormalization
    let feedForward: FeedForward
    let function: ActivationFunction
    let down: B.PreparedLinear

    /// Runs the block on the tokens of `batch`.
    ///
    /// - Parameters:
    ///   - hidden: the residual stream `[T, D]`, replaced by the block's output.
    ///   - batch: which tokens of which sequences the rows are.
    ///   - layer: the block's place in `cache`.
    ///   - cache: keys and values of earlier tokens; those of this batch are appended.
    ///   - through: stops after the site of this name was observed, before its linears run; `hidden` is then of no use.
    ///   - observe: receives each site's name and input, `[T, C]`, in the order the linears expect.
    /// - Throws: what `observe` throws.
    package func forward(
        hidden: inout B.Activation, batch: TokenBatch, layer: Int, cache: inout B.KeyValueCache,
        through last: String? = nil, observe: ((String, B.Activation) throws -> Void)? = nil
    ) throws {
        let attentionInput = normalizesFirst ? backend.normalize(hidden, with: attentionNormalization) : hidden
        try observe?(BlockArchitecture.attentionInput, attentionInput)
        if last == BlockArchitecture.attentionInput { return }
        let attended = backend.attend(
            query: backend.multiply(attentionInput, by: query), key: backend.multiply(attentionInput, by: key),
            value: backend.multiply(attentionInput, by: value), batch: batch, layer: layer, with: attention,
            cache: &cache)
        try observe?(BlockArchitecture.attentionOutput, attended)
        if last == BlockArchitecture.attentionOutput { return }
        backend.multiply(attended, by: output, addingTo: &hidden)
        if !normalizesFirst { hidden = backend.normalize(hidden, with: attentionNormalization) }

        let feedForwardInput = normalizesFirst ? backend.normalize(hidden, with: feedForwardNormalization) : hidden
        try observe?(BlockArchitecture.feedForwardInput, feedForwardInput)
        if last == BlockArchitecture.feedForwardInput { return }
        let inner =
            switch feedForward {
            case .gated(let gate, let up):
                backend.gate(
                    backend.multiply(feedForwardInput, by: gate), backend.multiply(feedForwardInput, by: up),
                    function: function)
            case .plain(let linear):
                backend.apply(function, to: backend.multiply(feedForwardInput, by: linear))
            }
        try observe?(BlockArchitecture.feedForwardOutput, inner)
        if last == BlockArchitecture.feedForwardOutput { return }
        backend.multiply(inner, by: down, addingTo: &hidden)
        if !normalizesFirst { hidden = backend.normalize(hidden, with: feedForwardNormalization) }
    }
}

extension ModelArchitecture {
    /// Loads one decoder block.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different, or an input order cannot be given; errors of the
    ///   source and the backend.
    package func loadBlock<B: Backend>(
        _ index: Int, from weights: any WeightSource, onto backend: B
    ) throws -> DecoderBlock<B> {
        let block = blocks[index]
        let reader = WeightReader(weights)
        let sites = block.sites
        let (attentionWeights, attentionOrder) = try reader.site(sites[0])
        let (outputWeights, outputOrder) = try reader.site(sites[1])
        let (feedForwardWeights, feedForwardOrder) = try reader.site(sites[2])
        let (downWeights, _) = try reader.site(sites[3])
        let feedForward: DecoderBlock<B>.FeedForward =
            switch block.feedForward {
            case .gated(let gate, let up):
                .gated(
                    gate: try backend.prepare(gate, feedForwardWeights[0], reader),
                    up: try backend.prepare(up, feedForwardWeights[1], reader))
            case .plain(let linear):
                .plain(try backend.prepare(linear, feedForwardWeights[0], reader))
            }
        return DecoderBlock(
            backend: backend,
            normalizesFirst: block.normalizesFirst,
            attentionNormalization: try backend.prepare(block.attentionNormalization, order: attentionOrder, reader),
            query: try backend.prepare(block.query, attentionWeights[0], reader),
            key: try backend.prepare(block.key, attentionWeights[1], reader),
            value: try backend.prepare(block.value, attentionWeights[2], reader),
            attention: try backend.prepareAttention(block.attention.writing(outputOrder)),
            output: try backend.prepare(block.output, outputWeights[0], reader),
            feedForwardNormalization: try backend.prepare(
                block.feedForwardNormalization, order: feedForwardOrder, reader),
            feedForward: feedForward,
            function: block.function,
            down: try backend.prepare(block.down, downWeights[0], reader))
    }
}

extension AttentionDescription {
    /// The same attention with its outputs in another order.
    fileprivate func writing(_ order: Permutation?) -> AttentionDescription {
        AttentionDescription(
            headCount: headCount, keyValueHeadCount: keyValueHeadCount, headSize: headSize, scale: scale,
            rotaryFrequencies: rotaryFrequencies, outputPermutation: order)
    }
}
