// The Gemma 2 family: scaled embeddings, norms around each layer, capped scores and logits, windows in every other layer.

import ESparseCore
package import FoundationEssentials

/// Gemma 2.
package enum Gemma2Family: ModelFamily {
    package static let modelTypes = ["gemma2"]

    private static let defaults = LlamaDefaults(
        vocabulary: 256_000, hidden: 2304, inner: 9216, blocks: 26, heads: 8, keyValueHeads: 4, headSize: 256,
        positions: 8192, tiesEmbeddings: true, beginToken: 2, endToken: 1)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try GemmaSettings(configuration, defaults: defaults)
        let rotary = try RotaryPositions(settings.shared)
        let windows = try LayerWindows(
            settings.shared, window: settings.window,
            isSliding: { $0.isMultiple(of: 2) })
        let softCap = try settings.softCap(settings.own.attentionSoftCap, "attn_logit_softcapping", default: 50)
        return try settings.architecture(logitSoftCap: 30) { index in
            settings.shared.attention(
                index, settings.heads(rotary, softCap: softCap, window: windows[index]), biases: settings.biases)
        }
    }
}

/// What the models of Gemma 2 and 3 have in common.
struct GemmaSettings {
    /// The settings under Gemma's own key names.
    struct Own: Decodable {
        var activation: String?
        var queryScalar: Double?
        var attentionSoftCap: OptionalSetting<Double>
        var logitSoftCap: OptionalSetting<Double>
        var isBidirectional: Bool?

        enum CodingKeys: String, CodingKey {
            case activation = "hidden_activation"
            case queryScalar = "query_pre_attn_scalar"
            case attentionSoftCap = "attn_logit_softcapping"
            case logitSoftCap = "final_logit_softcapping"
            case isBidirectional = "use_bidirectional_attention"
        }
    }

    let shared: LlamaSettings
    let own: Own
    /// Multiplies the scores: `1 / sqrt(query_pre_attn_scalar)`.
    private let scale: Float

    /// Checks every setting that both need.
    ///
    /// - Throws: `ModelError`.
    init(_ configuration: Data, defaults: LlamaDefaults) throws {
        own = try Settings.decode(Own.self, from: configuration)
        var shared = try LlamaSettings(configuration, defaults: defaults)
        shared.function = try Settings.activationFunction(
            own.activation ?? "gelu_pytorch_tanh", "hidden_activation")
        shared.normsAddOne = true
        self.shared = shared
        scale = 1 / (try Settings.number(own.queryScalar ?? 256, "query_pre_attn_scalar", atLeast: 1e-3)).squareRoot()
        if own.isBidirectional ?? false {
            throw ModelError.unsupportedSetting("use_bidirectional_attention", value: "true", supported: "false")
        }
    }

    /// Tokens that layers with a window attend to.
    ///
    /// - Throws: `ModelError` where config.json says that there is no window.
    var window: Int {
        get throws {
            guard let window = shared.configuration.slidingWindow.value(or: 4096) else {
                throw ModelError.invalidSetting(
                    "sliding_window", value: "null",
                    requirement: "a number of tokens, because some layers have a window")
            }
            return window
        }
    }

    /// Which projections have biases.
    var biases: LlamaSettings.Biases {
        let hasBias = shared.configuration.attentionBias ?? false
        return .init(inputs: hasBias, output: hasBias)
    }

    /// The heads of a layer.
    func heads(_ rotary: RotaryPositions, softCap: Float?, window: Int?) -> AttentionDescription {
        shared.heads(rotary, scale: scale, softCap: softCap, window: window)
    }

    /// A cap that config.json gives, or the family's.
    ///
    /// - Throws: `ModelError` where it is no positive number.
    func softCap(_ setting: OptionalSetting<Double>, _ key: String, default fallback: Double?) throws -> Float? {
        try setting.value(or: fallback).map { try Settings.number($0, key, atLeast: 1e-3) }
    }

    /// The whole model; `attention` describes the attention of a layer, and `logitSoftCap` is the family's cap of logits.
    ///
    /// - Throws: `ModelError`.
    func architecture(
        logitSoftCap: Double?, attention: (Int) -> SelfAttentionDescription
    ) throws -> ModelArchitecture {
        shared.architecture(
            embeddingScale: Float(shared.hidden).squareRoot(),
            logitSoftCap: try softCap(own.logitSoftCap, "final_logit_softcapping", default: logitSoftCap)
        ) { index in
            let prefix = shared.layer(index)
            return BlockDescription(layers: [
                ResidualLayerDescription(
                    attention(index), before: shared.normalization("\(prefix).input_layernorm"),
                    after: shared.normalization("\(prefix).post_attention_layernorm")),
                ResidualLayerDescription(
                    shared.feedForward(index), before: shared.normalization("\(prefix).pre_feedforward_layernorm"),
                    after: shared.normalization("\(prefix).post_feedforward_layernorm")),
            ])
        }
    }
}
