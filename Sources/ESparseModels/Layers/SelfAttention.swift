// Self-attention: query, key and value projections, the heads, and the output projection.

package import ESparseCore

/// A self-attention as data: `o(heads(q(x), k(x), v(x)))`.
package struct SelfAttentionDescription: LayerDescription {
    /// Site of the query, key and value projections, `[T, D]`.
    package static let inputSite = "attention-input"
    /// Site of the output projection, `[T, H * S]`.
    package static let outputSite = "attention-output"

    /// `[H * S, D]`
    package let query: LinearDescription
    /// `[K * S, D]`
    package let key: LinearDescription
    /// `[K * S, D]`
    package let value: LinearDescription
    /// Heads and rotary frequencies, without an output order.
    package let heads: AttentionDescription
    /// `[D, H * S]`
    package let output: LinearDescription

    /// The four projections.
    package var tensors: [TensorDescription] { [query, key, value, output].flatMap(\.tensors) }

    /// The keys and values.
    package var cachedHeads: CachedHeads? { CachedHeads(count: heads.keyValueHeadCount, size: heads.headSize) }

    /// The layer's input and the heads' outputs, which the attention can write in any order.
    package func sites(inputShuffle: InputSite.Shuffle) -> [InputSite] { [input(inputShuffle), attended] }

    private func input(_ shuffle: InputSite.Shuffle) -> InputSite {
        InputSite(name: Self.inputSite, linears: [query, key, value], shuffle: shuffle)
    }

    private var attended: InputSite { InputSite(name: Self.outputSite, linears: [output], shuffle: .atRunTime) }

    /// Loads the projections and prepares the heads.
    package func load<B: Backend>(
        inputShuffle: InputSite.Shuffle, from reader: WeightReader, onto backend: B
    ) throws -> LoadedLayer<B> {
        let (projections, inputOrder) = try backend.prepare(input(inputShuffle), reader)
        let (outputs, outputOrder) = try backend.prepare(attended, reader)
        let layer = SelfAttention(
            backend: backend, query: projections[0], key: projections[1], value: projections[2],
            heads: try backend.prepareAttention(heads.writing(outputOrder)), output: outputs[0])
        return (layer, inputOrder)
    }
}

/// A self-attention on a backend.
struct SelfAttention<B: Backend>: Layer {
    typealias Place = B

    let backend: B
    let query: B.PreparedLinear
    let key: B.PreparedLinear
    let value: B.PreparedLinear
    let heads: B.PreparedAttention
    let output: B.PreparedLinear

    func forward(
        _ input: consuming B.Activation, addingTo hidden: inout B.Activation, pass: BlockPass<B>,
        cache: inout B.KeyValueCache
    ) throws {
        try pass.reach(SelfAttentionDescription.inputSite, input)
        let attended = try backend.attend(
            query: backend.multiply(input, by: query), key: backend.multiply(input, by: key),
            value: backend.multiply(input, by: value), batch: pass.batch, layer: pass.block, with: heads,
            cache: &cache)
        try pass.reach(SelfAttentionDescription.outputSite, attended)
        try backend.multiply(attended, by: output, addingTo: &hidden)
    }
}
