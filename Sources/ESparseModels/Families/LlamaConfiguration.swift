// config.json under the key names that LLaMA began, and what each family takes for the keys that it leaves out.

/// config.json under the key names that LLaMA began and most families since share.
struct LlamaConfiguration: Codable {
    var modelType: String
    var vocabularySize: Int?
    var hiddenSize: Int?
    var intermediateSize: Int?
    var blockCount: Int?
    var headCount: Int?
    var keyValueHeadCount: OptionalSetting<Int> = .absent
    var headSize: Int?
    var maximumPositions: Int?
    /// Positions that the model was first trained on, outside the rotary settings.
    var originalPositions: Int?
    var epsilon: Double?
    var activation: String?
    var attentionBias: Bool?
    var feedForwardBias: Bool?
    var tiesEmbeddings: Bool?
    var slidingWindow: OptionalSetting<Int> = .absent
    var layerTypes: [String]?
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
        case originalPositions = "original_max_position_embeddings"
        case epsilon = "rms_norm_eps"
        case activation = "hidden_act"
        case attentionBias = "attention_bias"
        case feedForwardBias = "mlp_bias"
        case tiesEmbeddings = "tie_word_embeddings"
        case slidingWindow = "sliding_window"
        case layerTypes = "layer_types"
        case rotaryBase = "rope_theta"
        case rotaryScaling = "rope_scaling"
        case rotaryParameters = "rope_parameters"
        case partialRotaryFactor = "partial_rotary_factor"
    }
}

/// What transformers takes for the keys that a family's config.json leaves out; LLaMA's, where a family says nothing else.
struct LlamaDefaults {
    var vocabulary = 32_000
    var hidden = 4096
    var inner = 11_008
    var blocks = 32
    var heads = 32
    /// nil: as many as heads.
    var keyValueHeads: Int?
    /// nil: the hidden size over the heads.
    var headSize: Int?
    var positions = 2048
    var epsilon = 1e-6
    var activation = "silu"
    var tiesEmbeddings = false
    var beginToken: Int? = 1
    var endToken: Int? = 2
}
