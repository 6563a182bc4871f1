// Self-attention: query, key and value projections, the heads, and the output projection.

package import ESparseCore

/// A self-attention as data: `o(heads(q(x), k(x), v(x)))`, with a norm on q(x) and k(x) in some models.
package struct SelfAttentionDescription: LayerDescription {
    /// Site of the query, key and value projections, `[T, D]`.
    package static let inputSite = "attention-input"
    /// Site of the output projection, `[T, H * S]`.
    package static let outputSite = "attention-output"

    /// `[H * S, D]`
    package let query: LinearRows
    /// `[K * S, D]`
    package let key: LinearRows
    /// `[K * S, D]`
    package let value: LinearRows
    /// Normalises queries before they are turned to their positions: each head by itself where its size is S (Qwen 3, Gemma 3), all heads
    /// together where it is H * S (OLMo 2); nil in most models.
    package let queryNormalization: NormalizationDescription?
    /// The same of keys, of size S or K * S.
    package let keyNormalization: NormalizationDescription?
    /// Heads and rotary frequencies, without an output order.
    package let heads: AttentionDescription
    /// `[D, H * S]`
    package let output: LinearDescription

    /// Describes an attention whose norms of queries and keys, if any, are over S channels or over those of all heads.
    package init(
        query: LinearRows, key: LinearRows, value: LinearRows, queryNormalization: NormalizationDescription? = nil,
        keyNormalization: NormalizationDescription? = nil, heads: AttentionDescription, output: LinearDescription
    ) {
        self.query = query
        self.key = key
        self.value = value
        self.queryNormalization = queryNormalization
        self.keyNormalization = keyNormalization
        self.heads = heads
        self.output = output
    }

    /// The projections and the norms between.
    package var tensors: [TensorDescription] {
        input(.impossible).linears.flatMap(\.tensors)
            + [queryNormalization, keyNormalization].compactMap(\.self).flatMap(\.tensors) + output.tensors
    }

    /// The keys and values.
    package var cachedHeads: CachedHeads? { CachedHeads(count: heads.keyValueHeadCount, size: heads.headSize) }

    /// The layer's input and the heads' outputs, which the attention can write in any order.
    package func sites(inputShuffle: InputSite.Shuffle) -> [InputSite] { [input(inputShuffle), attended] }

    private func input(_ shuffle: InputSite.Shuffle) -> InputSite {
        InputSite(name: Self.inputSite, products: [query, key, value], shuffle: shuffle)
    }

    /// A query head's outputs are weighted means of its key/value head's values: an order of the values' channels within the head
    /// is one of the outputs of every query head of the group.
    private var attended: InputSite {
        InputSite(
            name: Self.outputSite, linears: [output], shuffle: .atRunTime,
            producers: ChannelProducers(
                [value], runLength: heads.headSize, copies: heads.headCount / heads.keyValueHeadCount))
    }

    /// Loads the projections and prepares the heads.
    package func load<B: Backend>(
        inputShuffle: InputSite.Shuffle, from reader: WeightReader, onto backend: B
    ) throws -> LoadedLayer<B> {
        let (projections, inputOrder) = try backend.prepare(input(inputShuffle), reader)
        let (outputs, outputOrder) = try backend.prepare(attended, reader)
        let layer = SelfAttention(
            backend: backend, query: projections[0], key: projections[1], value: projections[2],
            queryNormalization: try queryNormalization.map { try backend.prepare($0, order: nil, reader) },
            keyNormalization: try keyNormalization.map { try backend.prepare($0, order: nil, reader) },
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
    let queryNormalization: B.PreparedNormalization?
    let keyNormalization: B.PreparedNormalization?
    let heads: B.PreparedAttention
    let output: B.PreparedLinear

    func forward(
        _ input: consuming B.Activation, pass: BlockPass<B>, cache: inout B.KeyValueCache
    ) throws -> LayerOutput<B> {
        try pass.reach(SelfAttentionDescription.inputSite, input)
        let attended = try backend.attend(
            query: normalized(backend.multiply(input, by: query), queryNormalization),
            key: normalized(backend.multiply(input, by: key), keyNormalization),
            value: backend.multiply(input, by: value), batch: pass.batch, layer: pass.block, with: heads,
            cache: &cache)
        try pass.reach(SelfAttentionDescription.outputSite, attended)
        return LayerOutput(attended, times: output)
    }

    private func normalized(
        _ projected: B.Activation, _ normalization: B.PreparedNormalization?
    ) throws -> B.Activation {
        try normalization.map { try backend.normalize(projected, with: $0) } ?? projected
    }
}
