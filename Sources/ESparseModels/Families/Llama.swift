// The LLaMA family: rotary positions, grouped queries, root-mean-square norms before each layer, gated feed-forward.

import ESparseCore
package import FoundationEssentials

/// LLaMA 1 to 3, and the models that share their architecture: SmolLM, TinyLlama, Mistral.
package enum LlamaFamily: ModelFamily {
    package static let modelTypes = ["llama", "mistral"]

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(Settings.decode(LlamaConfiguration.self, from: configuration))
        return settings.architecture(
            positionLimit: try slidingWindow(settings), specialTokens: try SpecialTokens(configuration),
            block: settings.block)
    }

    /// The window beyond which attention would slide, or nil where it never does.
    ///
    /// Mistral 7B 0.1 attends to its last 4096 tokens only (also when config.json does not say so); later ones do not.
    private static func slidingWindow(_ settings: LlamaSettings) throws -> Int? {
        guard settings.configuration.modelType == "mistral" else { return nil }
        let window: Int
        switch settings.configuration.slidingWindow {
        case .none: return nil
        case .absent: window = 4096
        case .size(let size): window = try Settings.size(size, "sliding_window", limit: Settings.Limit.positions)
        }
        guard window >= settings.positions else {
            throw ModelError.unsupportedSetting(
                "sliding_window", value: "\(window)",
                supported: "null, or at least \"max_position_embeddings\" (\(settings.positions))")
        }
        return window
    }
}

/// Checked settings of a model with LLaMA's key names, and the layers that they describe. A family that differs from LLaMA
/// puts its blocks together from these and its own.
struct LlamaSettings {
    let configuration: LlamaConfiguration
    let vocabulary: Int
    let hidden: Int
    let inner: Int
    let blockCount: Int
    let positions: Int
    let epsilon: Float
    let heads: AttentionDescription
    let function: ActivationFunction

    /// Checks every setting that all models need.
    ///
    /// - Throws: `ModelError`.
    init(_ configuration: LlamaConfiguration) throws {
        self.configuration = configuration
        vocabulary = try Settings.size(configuration.vocabularySize, "vocab_size", limit: Settings.Limit.vocabulary)
        hidden = try Settings.size(configuration.hiddenSize, "hidden_size", limit: Settings.Limit.channels)
        blockCount = try Settings.size(configuration.blockCount, "num_hidden_layers", limit: Settings.Limit.blocks)
        positions = try Settings.size(
            configuration.maximumPositions, "max_position_embeddings", limit: Settings.Limit.positions)
        inner = try Settings.size(configuration.intermediateSize, "intermediate_size", limit: Settings.Limit.channels)
        epsilon = try Settings.epsilon(configuration.epsilon ?? 1e-6, "rms_norm_eps")
        heads = try Self.heads(configuration)
        function = try Settings.activationFunction(configuration.activation ?? "silu", "hidden_act")
    }

    private static func heads(_ configuration: LlamaConfiguration) throws -> AttentionDescription {
        let count = try Settings.size(configuration.headCount, "num_attention_heads", limit: Settings.Limit.heads)
        let keyValueCount = try Settings.size(
            configuration.keyValueHeadCount ?? count, "num_key_value_heads", limit: Settings.Limit.heads)
        try Settings.multiple(count, "num_attention_heads", of: keyValueCount, "num_key_value_heads")
        if configuration.headSize == nil {
            try Settings.multiple(configuration.hiddenSize, "hidden_size", of: count, "num_attention_heads")
        }
        let size = try Settings.size(
            configuration.headSize ?? configuration.hiddenSize / count, "head_dim", limit: Settings.Limit.heads)
        guard size.isMultiple(of: 2) else {
            throw ModelError.invalidSetting(
                "head_dim", value: "\(size)", requirement: "even, because rotary positions turn channel pairs")
        }
        guard count * size <= Settings.Limit.channels else {
            throw ModelError.invalidSetting(
                "num_attention_heads", value: "\(count)",
                requirement: "such that all heads together have at most \(Settings.Limit.channels) channels")
        }
        return AttentionDescription(
            headCount: count, keyValueHeadCount: keyValueCount, headSize: size, scale: 1 / Float(size).squareRoot(),
            rotaryFrequencies: try RotaryPositions(configuration).frequencies(headSize: size), outputPermutation: nil)
    }

    /// The whole model; `block` describes the decoder block of a number.
    func architecture(
        positionLimit: Int?, specialTokens: SpecialTokens, block: (Int) -> BlockDescription
    ) -> ModelArchitecture {
        let table = "model.embed_tokens.weight"
        let isTied = configuration.tiesEmbeddings ?? false
        return ModelArchitecture(
            modelType: configuration.modelType, contextLength: positions, positionLimit: positionLimit,
            specialTokens: specialTokens,
            embedding: EmbeddingDescription(
                name: table, vocabularySize: vocabulary, channels: hidden, hiddenSize: hidden, projection: nil,
                positions: nil),
            blocks: (0..<blockCount).map(block),
            head: HeadDescription(
                normalization: normalization("model.norm"), projection: nil,
                name: isTied ? table : ModelArchitecture.headName, vocabularySize: vocabulary, channels: hidden,
                isTied: isTied))
    }

    /// LLaMA's block: each layer reads the normalised residual stream.
    func block(_ index: Int) -> BlockDescription {
        let hasBias = configuration.attentionBias ?? false
        return block(index, biases: (inputs: hasBias, output: hasBias))
    }

    /// LLaMA's block with biases on queries, keys and values, on the attention's output, on both or on none.
    func block(_ index: Int, biases: (inputs: Bool, output: Bool)) -> BlockDescription {
        let prefix = "model.layers.\(index)"
        return BlockDescription(layers: [
            ResidualLayerDescription(
                attention("\(prefix).self_attn", biases: biases), before: normalization("\(prefix).input_layernorm")),
            ResidualLayerDescription(
                feedForward("\(prefix).mlp"), before: normalization("\(prefix).post_attention_layernorm")),
        ])
    }

    /// The norm whose weight is `module.weight`.
    func normalization(_ module: String) -> NormalizationDescription {
        NormalizationDescription(
            kind: .rootMeanSquare, size: hidden, epsilon: epsilon, weightName: module + ".weight", biasName: nil)
    }

    /// The attention called `module`.
    func attention(_ module: String, biases: (inputs: Bool, output: Bool)) -> SelfAttentionDescription {
        let queryRows = heads.headCount * heads.headSize
        let keyRows = heads.keyValueHeadCount * heads.headSize
        return SelfAttentionDescription(
            query: LinearDescription("\(module).q_proj", rows: queryRows, columns: hidden, hasBias: biases.inputs),
            key: LinearDescription("\(module).k_proj", rows: keyRows, columns: hidden, hasBias: biases.inputs),
            value: LinearDescription("\(module).v_proj", rows: keyRows, columns: hidden, hasBias: biases.inputs),
            heads: heads,
            output: LinearDescription(
                "\(module).o_proj", rows: hidden, columns: queryRows, hasBias: biases.output, writesResidual: true))
    }

    /// The gated feed-forward layer called `module`.
    func feedForward(_ module: String) -> FeedForwardDescription {
        let hasBias = configuration.feedForwardBias ?? false
        return FeedForwardDescription(
            gate: LinearDescription("\(module).gate_proj", rows: inner, columns: hidden, hasBias: hasBias),
            up: LinearDescription("\(module).up_proj", rows: inner, columns: hidden, hasBias: hasBias),
            down: LinearDescription(
                "\(module).down_proj", rows: hidden, columns: inner, hasBias: hasBias, writesResidual: true),
            function: function)
    }
}

/// config.json under the key names that LLaMA began and most families since share.
struct LlamaConfiguration: Codable {
    var modelType: String
    var vocabularySize: Int
    var hiddenSize: Int
    var intermediateSize: Int
    var blockCount: Int
    var headCount: Int
    var keyValueHeadCount: Int?
    var headSize: Int?
    var maximumPositions: Int
    var epsilon: Double?
    var activation: String?
    var attentionBias: Bool?
    var feedForwardBias: Bool?
    var tiesEmbeddings: Bool?
    var slidingWindow: SlidingWindow = .absent
    var rotaryBase: Double?
    /// Rotary settings before transformers 5.
    var rotaryScaling: RotarySettings?
    /// Rotary settings since transformers 5.
    var rotaryParameters: RotarySettings?
    var partialRotaryFactor: Double?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case vocabularySize = "vocab_size"
        case hiddenSize = "hidden_size"
        case intermediateSize = "intermediate_size"
        case blockCount = "num_hidden_layers"
        case headCount = "num_attention_heads"
        case keyValueHeadCount = "num_key_value_heads"
        case headSize = "head_dim"
        case maximumPositions = "max_position_embeddings"
        case epsilon = "rms_norm_eps"
        case activation = "hidden_act"
        case attentionBias = "attention_bias"
        case feedForwardBias = "mlp_bias"
        case tiesEmbeddings = "tie_word_embeddings"
        case slidingWindow = "sliding_window"
        case rotaryBase = "rope_theta"
        case rotaryScaling = "rope_scaling"
        case rotaryParameters = "rope_parameters"
        case partialRotaryFactor = "partial_rotary_factor"
    }
}
