// The OLMo 2 family: norms after the layers and none before, and norms over all query heads and all key heads.

package import FoundationEssentials

/// OLMo 2. Its layers read the residual stream itself, so their inputs keep their order.
package enum OLMo2Family: ModelFamily {
    package static let modelTypes = ["olmo2"]

    private static let defaults = LlamaDefaults(
        vocabulary: 50_304, epsilon: 1e-5, beginToken: nil, endToken: 50_279)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: defaults)
        let heads = settings.heads(try RotaryPositions(settings))
        let hasBias = settings.configuration.attentionBias ?? false
        let normSizes = (
            query: settings.headCount * settings.headSize, key: settings.keyValueHeadCount * settings.headSize
        )
        return settings.architecture { index in
            let prefix = settings.layer(index)
            return BlockDescription(layers: [
                ResidualLayerDescription(
                    settings.attention(
                        index, heads, biases: .init(inputs: hasBias, output: hasBias), normSizes: normSizes),
                    after: settings.normalization("\(prefix).post_attention_layernorm")),
                ResidualLayerDescription(
                    settings.feedForward(index),
                    after: settings.normalization("\(prefix).post_feedforward_layernorm")),
            ])
        }
    }
}
