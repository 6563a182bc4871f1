// The LLaMA family: rotary positions, grouped queries, root-mean-square norms before each layer, gated feed-forward.

import ESparseCore
package import FoundationEssentials

/// LLaMA 1 to 3, and the models that share their architecture.
package enum LlamaFamily: ModelFamily {
    package static let modelTypes = ["llama", "mistral"]

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try Settings.decode(LlamaConfiguration.self, from: configuration)
        let vocabulary = try Settings.size(settings.vocabularySize, "vocab_size", limit: Settings.Limit.vocabulary)
        let hidden = try Settings.size(settings.hiddenSize, "hidden_size", limit: Settings.Limit.channels)
        let blockCount = try Settings.size(settings.blockCount, "num_hidden_layers", limit: Settings.Limit.blocks)
        let positions = try Settings.size(
            settings.maximumPositions, "max_position_embeddings", limit: Settings.Limit.positions)
        let window = try slidingWindow(settings, positions: positions)
        let prototype = try BlockPrototype(settings)
        let normalization = prototype.normalization
        let isTied = settings.tiesEmbeddings ?? false
        return ModelArchitecture(
            modelType: settings.modelType, vocabularySize: vocabulary, hiddenSize: hidden, contextLength: positions,
            positionLimit: window,
            specialTokens: try Settings.decode(SpecialTokens.self, from: configuration),
            embedding: ModelArchitecture.Embedding(
                name: "model.embed_tokens.weight", channels: hidden, projection: nil, positions: nil),
            blocks: (0..<blockCount).map { prototype.block("model.layers.\($0)") },
            head: ModelArchitecture.Head(
                normalization: normalization("model.norm"), projection: nil,
                name: isTied ? "model.embed_tokens.weight" : ModelArchitecture.headName, isTied: isTied))
    }

    /// The window beyond which attention would slide, or nil where it never does.
    ///
    /// Mistral 7B 0.1 attends to its last 4096 tokens only (also when config.json does not say so); later ones do not.
    private static func slidingWindow(_ settings: LlamaConfiguration, positions: Int) throws -> Int? {
        guard settings.modelType == "mistral" else { return nil }
        let window: Int
        switch settings.slidingWindow {
        case .none: return nil
        case .absent: window = 4096
        case .size(let size): window = try Settings.size(size, "sliding_window", limit: Settings.Limit.positions)
        }
        guard window >= positions else {
            throw ModelError.unsupportedSetting(
                "sliding_window", value: "\(window)",
                supported: "null, or at least \"max_position_embeddings\" (\(positions))")
        }
        return window
    }
}

/// The checked settings that all blocks share.
private struct BlockPrototype {
    let hidden: Int
    let inner: Int
    let epsilon: Float
    let attention: AttentionDescription
    let attentionBias: Bool
    let feedForwardBias: Bool
    let function: ActivationFunction

    init(_ settings: LlamaConfiguration) throws {
        hidden = settings.hiddenSize
        inner = try Settings.size(settings.intermediateSize, "intermediate_size", limit: Settings.Limit.channels)
        epsilon = try Settings.epsilon(settings.epsilon ?? 1e-6, "rms_norm_eps")
        let heads = try Settings.size(settings.headCount, "num_attention_heads", limit: Settings.Limit.heads)
        let keyValueHeads = try Settings.size(
            settings.keyValueHeadCount ?? heads, "num_key_value_heads", limit: Settings.Limit.heads)
        try Settings.multiple(heads, "num_attention_heads", of: keyValueHeads, "num_key_value_heads")
        if settings.headSize == nil { try Settings.multiple(hidden, "hidden_size", of: heads, "num_attention_heads") }
        let headSize = try Settings.size(settings.headSize ?? hidden / heads, "head_dim", limit: Settings.Limit.heads)
        guard headSize.isMultiple(of: 2) else {
            throw ModelError.invalidSetting(
                "head_dim", value: "\(headSize)", requirement: "even, because rotary positions turn channel pairs")
        }
        guard heads * headSize <= Settings.Limit.channels else {
            throw ModelError.invalidSetting(
                "num_attention_heads", value: "\(heads)",
                requirement: "such that all heads together have at most \(Settings.Limit.channels) channels")
        }
        attention = AttentionDescription(
            headCount: heads, keyValueHeadCount: keyValueHeads, headSize: headSize,
            scale: 1 / Float(headSize).squareRoot(),
            rotaryFrequencies: try RotaryPositions(settings).frequencies(headSize: headSize), outputPermutation: nil)
        attentionBias = settings.attentionBias ?? false
        feedForwardBias = settings.feedForwardBias ?? false
        function = try Settings.activationFunction(settings.activation ?? "silu", "hidden_act")
    }

    func normalization(_ module: String) -> NormalizationDescription {
        NormalizationDescription(
            kind: .rootMeanSquare, size: hidden, epsilon: epsilon, weightName: module + ".weight", biasName: nil)
    }

    func block(_ prefix: String) -> BlockArchitecture {
        let queryRows = attention.headCount * attention.headSize
        let keyRows = attention.keyValueHeadCount * attention.headSize
        func linear(_ name: String, _ rows: Int, _ columns: Int, _ bias: Bool, residual: Bool = false)
            -> LinearDescription
        {
            LinearDescription(
                "\(prefix).\(name)", rows: rows, columns: columns, hasBias: bias, writesResidual: residual)
        }
        return BlockArchitecture(
            normalizesFirst: true,
            attentionNormalization: normalization("\(prefix).input_layernorm"),
            feedForwardNormalization: normalization("\(prefix).post_attention_layernorm"),
            query: linear("self_attn.q_proj", queryRows, hidden, attentionBias),
            key: linear("self_attn.k_proj", keyRows, hidden, attentionBias),
            value: linear("self_attn.v_proj", keyRows, hidden, attentionBias),
            output: linear("self_attn.o_proj", hidden, queryRows, attentionBias, residual: true),
            attention: attention,
            feedForward: .gated(
                gate: linear("mlp.gate_proj", inner, hidden, feedForwardBias),
                up: linear("mlp.up_proj", inner, hidden, feedForwardBias)),
            function: function,
            down: linear("mlp.down_proj", hidden, inner, feedForwardBias, residual: true))
    }
}
