// The LLaMA family: rotary positions, grouped queries, root-mean-square norms before each layer, gated feed-forward.

package import FoundationEssentials

/// LLaMA 1 to 3, and the models that share their architecture: SmolLM, TinyLlama.
package enum LlamaFamily: ModelFamily {
    package static let modelTypes = ["llama"]

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: LlamaDefaults())
        let heads = settings.heads(try RotaryPositions(settings))
        let hasBias = settings.configuration.attentionBias ?? false
        return settings.architecture { index in
            settings.block(
                settings.attention(index, heads, biases: .init(inputs: hasBias, output: hasBias)),
                settings.feedForward(index, hasBias: settings.configuration.feedForwardBias ?? false), index: index)
        }
    }
}
