// The feed-forward layer, gated (LLaMA) or plain (OPT).

package import ESparseCore

/// A feed-forward layer as data: `down(function(gate(x)) * up(x))`, or `down(function(up(x)))` without a gate.
package struct FeedForwardDescription: LayerDescription {
    /// Site of the first linears, `[T, D]`.
    package static let inputSite = "feed-forward-input"
    /// Site of the last linear, `[T, inner channels]`.
    package static let outputSite = "feed-forward-output"

    /// `[inner, D]`; nil in a plain layer.
    package let gate: LinearRows?
    /// `[inner, D]`
    package let up: LinearRows
    /// `[D, inner]`
    package let down: LinearDescription
    /// Applied to the gate, or to the first linear of a plain layer.
    package let function: ActivationFunction

    private var first: [LinearRows] { (gate.map { [$0] } ?? []) + [up] }

    /// The two or three linears.
    package var tensors: [TensorDescription] { (input(.impossible).linears + [down]).flatMap(\.tensors) }

    /// The layer's input and its inner channels.
    ///
    /// Every function between the linears works element by element, so permuting the first linears' rows permutes the last
    /// one's input exactly.
    package func sites(inputShuffle: InputSite.Shuffle) -> [InputSite] { [input(inputShuffle), inner] }

    private func input(_ shuffle: InputSite.Shuffle) -> InputSite {
        InputSite(name: Self.inputSite, products: first, shuffle: shuffle)
    }

    private var inner: InputSite {
        InputSite(
            name: Self.outputSite, linears: [down],
            shuffle: .inProducers(ChannelProducers(first)))
    }

    /// Loads the linears.
    package func load<B: Backend>(
        inputShuffle: InputSite.Shuffle, from reader: WeightReader, onto backend: B
    ) throws -> LoadedLayer<B> {
        let (first, inputOrder) = try backend.prepare(input(inputShuffle), reader)
        let (last, _) = try backend.prepare(inner, reader)
        let layer = FeedForward(
            backend: backend, gate: gate == nil ? nil : first[0], up: first[first.count - 1], down: last[0],
            function: function)
        return (layer, inputOrder)
    }
}

/// A feed-forward layer on a backend.
struct FeedForward<B: Backend>: Layer {
    typealias Place = B

    let backend: B
    let gate: B.PreparedLinear?
    let up: B.PreparedLinear
    let down: B.PreparedLinear
    let function: ActivationFunction

    func forward(
        _ input: consuming B.Activation, pass: BlockPass<B>, cache: inout B.KeyValueCache
    ) throws -> LayerOutput<B> {
        try pass.reach(FeedForwardDescription.inputSite, input)
        let inner =
            if let gate {
                try backend.gate(
                    backend.multiply(input, by: gate), backend.multiply(input, by: up), function: function)
            } else {
                try backend.apply(function, to: backend.multiply(input, by: up))
            }
        try pass.reach(FeedForwardDescription.outputSite, inner)
        return LayerOutput(inner, times: down)
    }
}
