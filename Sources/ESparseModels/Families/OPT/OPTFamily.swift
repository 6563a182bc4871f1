// The OPT family: learned positions, layer norms, biases, plain feed-forward layers.

import ESparseCore
package import FoundationEssentials

/// config.json of OPT, under its own key names.
struct OPTConfiguration: Codable {
    var modelType: String
    var vocabularySize: Int
    var hiddenSize: Int
    var feedForwardSize: Int
    var blockCount: Int
    var headCount: Int
    var maximumPositions: Int
    var embeddingSize: Int?
    var activation: String?
    var hasBias: Bool?
    var normalizesFirst: Bool?
    var removesFinalNorm: Bool?
    var normsHaveWeights: Bool?
    var tiesEmbeddings: Bool?

    enum CodingKeys: String, CodingKey {
        case modelType = "model_type"
        case vocabularySize = "vocab_size"
        case hiddenSize = "hidden_size"
        case feedForwardSize = "ffn_dim"
        case blockCount = "num_hidden_layers"
        case headCount = "num_attention_heads"
        case maximumPositions = "max_position_embeddings"
        case embeddingSize = "word_embed_proj_dim"
        case activation = "activation_function"
        case hasBias = "enable_bias"
        case normalizesFirst = "do_layer_norm_before"
        case removesFinalNorm = "_remove_final_layer_norm"
        case normsHaveWeights = "layer_norm_elementwise_affine"
        case tiesEmbeddings = "tie_word_embeddings"
    }
}

/// OPT-125m to OPT-66b.
package enum OPTFamily: ModelFamily {
    package static let modelTypes = ["opt"]

    /// The position table starts with two rows that no token uses.
    private static let positionOffset = 2

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try Settings.decode(OPTConfiguration.self, from: configuration)
        let vocabulary = try Settings.size(settings.vocabularySize, "vocab_size", limit: Settings.Limit.vocabulary)
        let hidden = try Settings.size(settings.hiddenSize, "hidden_size", limit: Settings.Limit.channels)
        let blockCount = try Settings.size(settings.blockCount, "num_hidden_layers", limit: Settings.Limit.blocks)
        let positions = try Settings.size(
            settings.maximumPositions, "max_position_embeddings", limit: Settings.Limit.positions)
        let channels = try Settings.size(
            settings.embeddingSize ?? hidden, "word_embed_proj_dim", limit: Settings.Limit.channels)
        let prototype = try BlockPrototype(settings)
        let hasFinalNorm = prototype.normalizesFirst && !(settings.removesFinalNorm ?? false)
        let isTied = settings.tiesEmbeddings ?? true
        func projection(_ name: String, rows: Int, columns: Int) -> LinearDescription? {
            rows == columns
                ? nil : LinearDescription("model.decoder.\(name)", rows: rows, columns: columns, hasBias: false)
        }
        return ModelArchitecture(
            modelType: settings.modelType, vocabularySize: vocabulary, hiddenSize: hidden, contextLength: positions,
            positionLimit: positions,
            specialTokens: try Settings.decode(SpecialTokens.self, from: configuration),
            embedding: ModelArchitecture.Embedding(
                name: "model.decoder.embed_tokens.weight", channels: channels,
                projection: projection("project_in", rows: hidden, columns: channels),
                positions: ModelArchitecture.Embedding.Positions(
                    name: "model.decoder.embed_positions.weight", rows: positions + positionOffset,
                    offset: positionOffset)),
            blocks: (0..<blockCount).map { prototype.block("model.decoder.layers.\($0)") },
            head: ModelArchitecture.Head(
                normalization: hasFinalNorm ? prototype.normalization("model.decoder.final_layer_norm") : nil,
                projection: projection("project_out", rows: channels, columns: hidden),
                name: isTied ? "model.decoder.embed_tokens.weight" : ModelArchitecture.headName, isTied: isTied))
    }
}

/// The checked settings that all blocks share.
private struct BlockPrototype {
    let hidden: Int
    let inner: Int
    let attention: AttentionDescription
    let hasBias: Bool
    let normsHaveWeights: Bool
    let normalizesFirst: Bool
    let function: ActivationFunction

    init(_ settings: OPTConfiguration) throws {
        hidden = settings.hiddenSize
        inner = try Settings.size(settings.feedForwardSize, "ffn_dim", limit: Settings.Limit.channels)
        let heads = try Settings.size(settings.headCount, "num_attention_heads", limit: Settings.Limit.heads)
        try Settings.multiple(hidden, "hidden_size", of: heads, "num_attention_heads")
        attention = AttentionDescription(
            headCount: heads, keyValueHeadCount: heads, headSize: hidden / heads,
            scale: 1 / Float(hidden / heads).squareRoot(), rotaryFrequencies: nil, outputPermutation: nil)
        hasBias = settings.hasBias ?? true
        normsHaveWeights = settings.normsHaveWeights ?? true
        normalizesFirst = settings.normalizesFirst ?? true
        function = try Settings.activationFunction(settings.activation ?? "relu", "activation_function")
    }

    /// PyTorch's layer norm: epsilon 1e-5, not a setting.
    func normalization(_ module: String) -> NormalizationDescription {
        NormalizationDescription(
            kind: .layer, size: hidden, epsilon: 1e-5, weightName: normsHaveWeights ? module + ".weight" : nil,
            biasName: normsHaveWeights ? module + ".bias" : nil)
    }

    func block(_ prefix: String) -> BlockArchitecture {
        func linear(_ name: String, _ rows: Int, _ columns: Int, residual: Bool = false) -> LinearDescription {
            LinearDescription(
                "\(prefix).\(name)", rows: rows, columns: columns, hasBias: hasBias, writesResidual: residual)
        }
        return BlockArchitecture(
            normalizesFirst: normalizesFirst,
            attentionNormalization: normalization("\(prefix).self_attn_layer_norm"),
            feedForwardNormalization: normalization("\(prefix).final_layer_norm"),
            query: linear("self_attn.q_proj", hidden, hidden),
            key: linear("self_attn.k_proj", hidden, hidden),
            value: linear("self_attn.v_proj", hidden, hidden),
            output: linear("self_attn.out_proj", hidden, hidden, residual: true),
            attention: attention,
            feedForward: .plain(linear("fc1", inner, hidden)),
            function: function,
            down: linear("fc2", hidden, inner, residual: true))
    }
}
