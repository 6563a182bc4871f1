// The OPT family: learned positions, layer norms, biases, plain feed-forward layers.

import ESparseCore
package import FoundationEssentials

/// OPT-125m to OPT-66b.
package enum OPTFamily: ModelFamily {
    package static let modelTypes = ["opt"]

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        try OPTSettings(Settings.decode(OPTConfiguration.self, from: configuration))
            .architecture(specialTokens: try SpecialTokens(configuration, begin: 2, end: 2))
    }
}

/// Checked settings of an OPT model, and the layers that they describe.
private struct OPTSettings {
    /// The position table starts with two rows that no token uses.
    private static let positionOffset = 2

    let configuration: OPTConfiguration
    let vocabulary: Int
    let hidden: Int
    let inner: Int
    let blockCount: Int
    let positions: Int
    /// Channels of the token table.
    let channels: Int
    let heads: AttentionDescription
    let normalizesFirst: Bool
    let function: ActivationFunction

    init(_ configuration: OPTConfiguration) throws {
        self.configuration = configuration
        vocabulary = try Settings.size(
            configuration.vocabularySize ?? 50_272, "vocab_size", limit: Settings.Limit.vocabulary)
        hidden = try Settings.size(configuration.hiddenSize ?? 768, "hidden_size", limit: Settings.Limit.channels)
        blockCount = try Settings.size(
            configuration.blockCount ?? 12, "num_hidden_layers", limit: Settings.Limit.blocks)
        positions = try Settings.size(
            configuration.maximumPositions ?? 2048, "max_position_embeddings", limit: Settings.Limit.positions)
        channels = try Settings.size(
            configuration.embeddingSize ?? hidden, "word_embed_proj_dim", limit: Settings.Limit.channels)
        inner = try Settings.size(configuration.feedForwardSize ?? 3072, "ffn_dim", limit: Settings.Limit.channels)
        let count = try Settings.size(configuration.headCount ?? 12, "num_attention_heads", limit: Settings.Limit.heads)
        try Settings.multiple(hidden, "hidden_size", of: count, "num_attention_heads")
        heads = AttentionDescription(
            headCount: count, keyValueHeadCount: count, headSize: hidden / count,
            scale: 1 / Float(hidden / count).squareRoot(), rotaryFrequencies: nil, outputPermutation: nil)
        normalizesFirst = configuration.normalizesFirst ?? true
        function = try Settings.activationFunction(configuration.activation ?? "relu", "activation_function")
    }

    func architecture(specialTokens: SpecialTokens) -> ModelArchitecture {
        let table = "model.decoder.embed_tokens.weight"
        let hasFinalNorm = normalizesFirst && !(configuration.removesFinalNorm ?? false)
        let isTied = configuration.tiesEmbeddings ?? true
        func projection(_ name: String, rows: Int, columns: Int) -> LinearDescription? {
            rows == columns
                ? nil : LinearDescription("model.decoder.\(name)", rows: rows, columns: columns, hasBias: false)
        }
        return ModelArchitecture(
            modelType: configuration.modelType, contextLength: positions, positionLimit: positions,
            specialTokens: specialTokens,
            embedding: EmbeddingDescription(
                name: table, vocabularySize: vocabulary, channels: channels, hiddenSize: hidden,
                projection: projection("project_in", rows: hidden, columns: channels),
                positions: EmbeddingDescription.Positions(
                    name: "model.decoder.embed_positions.weight", rows: positions + Self.positionOffset,
                    offset: Self.positionOffset), scale: 1),
            blocks: (0..<blockCount).map(block),
            head: HeadDescription(
                normalization: hasFinalNorm ? normalization("model.decoder.final_layer_norm") : nil,
                projection: projection("project_out", rows: channels, columns: hidden),
                name: isTied ? table : ModelArchitecture.headName, vocabularySize: vocabulary, channels: channels,
                isTied: isTied, softCap: nil))
    }

    private func block(_ index: Int) -> BlockDescription {
        let prefix = "model.decoder.layers.\(index)"
        func linear(_ name: String, _ rows: Int, _ columns: Int, residual: Bool = false) -> LinearDescription {
            LinearDescription(
                "\(prefix).\(name)", rows: rows, columns: columns, hasBias: configuration.hasBias ?? true,
                writesResidual: residual)
        }
        let attention = SelfAttentionDescription(
            query: LinearRows(linear("self_attn.q_proj", hidden, hidden)),
            key: LinearRows(linear("self_attn.k_proj", hidden, hidden)),
            value: LinearRows(linear("self_attn.v_proj", hidden, hidden)),
            heads: heads,
            output: linear("self_attn.out_proj", hidden, hidden, residual: true))
        let feedForward = FeedForwardDescription(
            gate: nil, up: LinearRows(linear("fc1", inner, hidden)), down: linear("fc2", hidden, inner, residual: true),
            function: function)
        return BlockDescription(layers: [
            residual(attention, normalization("\(prefix).self_attn_layer_norm")),
            residual(feedForward, normalization("\(prefix).final_layer_norm")),
        ])
    }

    /// OPT-350m normalises the sum of layer and stream; all others what the layer reads.
    private func residual(
        _ layer: any LayerDescription, _ normalization: NormalizationDescription
    ) -> ResidualLayerDescription {
        normalizesFirst
            ? ResidualLayerDescription(layer, before: normalization)
            : ResidualLayerDescription(layer, ofSum: normalization)
    }

    /// PyTorch's layer norm: epsilon 1e-5, not a setting.
    private func normalization(_ module: String) -> NormalizationDescription {
        let hasWeights = configuration.normsHaveWeights ?? true
        return NormalizationDescription(
            kind: .layer, size: hidden, epsilon: 1e-5, weightName: hasWeights ? module + ".weight" : nil,
            biasName: hasWeights ? module + ".bias" : nil)
    }
}

/// config.json of OPT, under its own key names.
struct OPTConfiguration: Codable {
    var modelType: String
    var vocabularySize: Int?
    var hiddenSize: Int?
    var feedForwardSize: Int?
    var blockCount: Int?
    var headCount: Int?
    var maximumPositions: Int?
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
