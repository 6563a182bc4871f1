// config.json of the LLaMA family, under its own key names.

/// Settings of LLaMA 1 to 3, SmolLM, TinyLlama and Mistral models.
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

/// `sliding_window`, where absent (the family's default applies) and null (no window) differ.
enum SlidingWindow: Codable, Equatable {
    case absent
    case none
    case size(Int)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = container.decodeNil() ? .none : .size(try container.decode(Int.self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .size(let size) = self {
            try container.encode(size)
        } else {
            try container.encodeNil()
        }
    }
}

extension KeyedDecodingContainer {
    /// Lets a synthesised `init(from:)` tell an absent window from a null one.
    func decode(_ type: SlidingWindow.Type, forKey key: Key) throws -> SlidingWindow {
        guard contains(key) else { return .absent }
        return try decodeNil(forKey: key) ? .none : .size(try decode(Int.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    /// Leaves an absent window out.
    mutating func encode(_ window: SlidingWindow, forKey key: Key) throws {
        switch window {
        case .absent: break
        case .none: try encodeNil(forKey: key)
        case .size(let size): try encode(size, forKey: key)
        }
    }
}
