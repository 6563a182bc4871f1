// Checked settings of a model with LLaMA's key names, and the layers that they describe.

import ESparseCore
import FoundationEssentials

/// Checked settings of a model with LLaMA's key names, and the layers that they describe. A family that differs from LLaMA
/// puts its blocks together from these and its own.
struct LlamaSettings {
    let configuration: LlamaConfiguration
    let specialTokens: SpecialTokens
    let vocabulary: Int
    let hidden: Int
    let inner: Int
    let blockCount: Int
    let positions: Int
    let epsilon: Float
    let headCount: Int
    let keyValueHeadCount: Int
    let headSize: Int
    let tiesEmbeddings: Bool
    /// The function of the feed-forward layers.
    var function: ActivationFunction
    /// Whether norms multiply by what is stored plus 1.
    var normsAddOne = false

    /// Checks every setting that all models need.
    ///
    /// - Throws: `ModelError`.
    init(_ data: Data, defaults: LlamaDefaults) throws {
        let configuration = try Settings.decode(LlamaConfiguration.self, from: data)
        self.configuration = configuration
        specialTokens = try SpecialTokens(data, begin: defaults.beginToken, end: defaults.endToken)
        vocabulary = try Settings.size(
            configuration.vocabularySize ?? defaults.vocabulary, "vocab_size", limit: Settings.Limit.vocabulary)
        let hidden = try Settings.size(
            configuration.hiddenSize ?? defaults.hidden, "hidden_size", limit: Settings.Limit.channels)
        self.hidden = hidden
        blockCount = try Settings.size(
            configuration.blockCount ?? defaults.blocks, "num_hidden_layers", limit: Settings.Limit.blocks)
        positions = try Settings.size(
            configuration.maximumPositions ?? defaults.positions, "max_position_embeddings",
            limit: Settings.Limit.positions)
        inner = try Settings.size(
            configuration.intermediateSize ?? defaults.inner, "intermediate_size", limit: Settings.Limit.channels)
        epsilon = try Settings.epsilon(configuration.epsilon ?? defaults.epsilon, "rms_norm_eps")
        headCount = try Settings.size(
            configuration.headCount ?? defaults.heads, "num_attention_heads", limit: Settings.Limit.heads)
        keyValueHeadCount = try Settings.size(
            configuration.keyValueHeadCount.value(or: defaults.keyValueHeads) ?? headCount, "num_key_value_heads",
            limit: Settings.Limit.heads)
        try Settings.multiple(headCount, "num_attention_heads", of: keyValueHeadCount, "num_key_value_heads")
        let given = configuration.headSize ?? defaults.headSize
        if given == nil { try Settings.multiple(hidden, "hidden_size", of: headCount, "num_attention_heads") }
        headSize = try Settings.size(given ?? hidden / headCount, "head_dim", limit: Settings.Limit.heads)
        guard headSize.isMultiple(of: 2) else {
            throw ModelError.invalidSetting(
                "head_dim", value: "\(headSize)", requirement: "even, because rotary positions turn channel pairs")
        }
        guard headCount * headSize <= Settings.Limit.channels else {
            throw ModelError.invalidSetting(
                "num_attention_heads", value: "\(headCount)",
                requirement: "such that all heads together have at most \(Settings.Limit.channels) channels")
        }
        tiesEmbeddings = configuration.tiesEmbeddings ?? defaults.tiesEmbeddings
        function = try Settings.activationFunction(configuration.activation ?? defaults.activation, "hidden_act")
    }

    /// The heads of a layer; `scale` multiplies the scores, and nil is `1 / sqrt(head size)`.
    func heads(
        _ rotary: RotaryPositions, scale: Float? = nil, softCap: Float? = nil, window: Int? = nil
    ) -> AttentionDescription {
        AttentionDescription(
            headCount: headCount, keyValueHeadCount: keyValueHeadCount, headSize: headSize,
            scale: scale ?? 1 / Float(headSize).squareRoot(), softCap: softCap, window: window,
            rotaryFrequencies: rotary.frequencies, rotaryScale: rotary.scale, longRotary: rotary.long,
            outputPermutation: nil)
    }

    /// The whole model; `block` describes the decoder block of a number.
    func architecture(
        embeddingScale: Float = 1, logitSoftCap: Float? = nil, block: (Int) throws -> BlockDescription
    ) rethrows -> ModelArchitecture {
        let table = "model.embed_tokens.weight"
        return ModelArchitecture(
            modelType: configuration.modelType, contextLength: positions, positionLimit: nil,
            specialTokens: specialTokens,
            embedding: EmbeddingDescription(
                name: table, vocabularySize: vocabulary, channels: hidden, hiddenSize: hidden, projection: nil,
                positions: nil, scale: embeddingScale),
            blocks: try (0..<blockCount).map(block),
            head: HeadDescription(
                normalization: normalization("model.norm"), projection: nil,
                name: tiesEmbeddings ? table : ModelArchitecture.headName, vocabularySize: vocabulary,
                channels: hidden, isTied: tiesEmbeddings, softCap: logitSoftCap))
    }
}

extension LlamaSettings {
    /// Which of an attention's projections have biases.
    struct Biases {
        /// Queries, keys and values.
        var inputs = false
        /// The output.
        var output = false
    }

    /// LLaMA's block: each layer reads the normalised residual stream.
    func block(
        _ attention: SelfAttentionDescription, _ feedForward: FeedForwardDescription, index: Int
    ) -> BlockDescription {
        let prefix = layer(index)
        return BlockDescription(layers: [
            ResidualLayerDescription(attention, before: normalization("\(prefix).input_layernorm")),
            ResidualLayerDescription(feedForward, before: normalization("\(prefix).post_attention_layernorm")),
        ])
    }

    /// The name of a decoder block.
    func layer(_ index: Int) -> String { "model.layers.\(index)" }

    /// The norm whose weight is `module.weight`, over the hidden channels or `size` others.
    func normalization(_ module: String, size: Int? = nil) -> NormalizationDescription {
        NormalizationDescription(
            kind: .rootMeanSquare, size: size ?? hidden, epsilon: epsilon, weightName: module + ".weight",
            biasName: nil, addsOne: normsAddOne)
    }

    /// The attention of a block; `normSizes` are the channels of the norms of queries and keys, if there are any.
    func attention(
        _ index: Int, _ heads: AttentionDescription, biases: Biases = Biases(),
        normSizes: (query: Int, key: Int)? = nil
    ) -> SelfAttentionDescription {
        let module = "\(layer(index)).self_attn"
        let queryRows = headCount * headSize
        let keyRows = keyValueHeadCount * headSize
        func projection(_ name: String, rows: Int) -> LinearRows {
            LinearRows(
                LinearDescription("\(module).\(name)", rows: rows, columns: hidden, hasBias: biases.inputs))
        }
        return SelfAttentionDescription(
            query: projection("q_proj", rows: queryRows), key: projection("k_proj", rows: keyRows),
            value: projection("v_proj", rows: keyRows),
            queryNormalization: normSizes.map { normalization("\(module).q_norm", size: $0.query) },
            keyNormalization: normSizes.map { normalization("\(module).k_norm", size: $0.key) },
            heads: heads, output: attentionOutput(index, hasBias: biases.output))
    }

    /// The output projection of a block's attention.
    func attentionOutput(_ index: Int, hasBias: Bool) -> LinearDescription {
        LinearDescription(
            "\(layer(index)).self_attn.o_proj", rows: hidden, columns: headCount * headSize, hasBias: hasBias,
            writesResidual: true)
    }

    /// The gated feed-forward layer of a block.
    func feedForward(_ index: Int, hasBias: Bool = false) -> FeedForwardDescription {
        let module = "\(layer(index)).mlp"
        func first(_ name: String) -> LinearRows {
            LinearRows(LinearDescription("\(module).\(name)", rows: inner, columns: hidden, hasBias: hasBias))
        }
        return FeedForwardDescription(
            gate: first("gate_proj"), up: first("up_proj"), down: feedForwardOutput(index, hasBias: hasBias),
            function: function)
    }

    /// The last linear of a block's feed-forward layer.
    func feedForwardOutput(_ index: Int, hasBias: Bool) -> LinearDescription {
        LinearDescription(
            "\(layer(index)).mlp.down_proj", rows: hidden, columns: inner, hasBias: hasBias, writesResidual: true)
    }
}
