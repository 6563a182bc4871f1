// The Qwen 3 family: LLaMA's layers with a norm on every query and key head, whose size is a setting of its own.

package import FoundationEssentials

/// The dense models of Qwen 3.
package enum Qwen3Family: ModelFamily {
    package static let modelTypes = ["qwen3"]

    private static let defaults = LlamaDefaults(
        vocabulary: 151_936, inner: 22_016, keyValueHeads: 32, headSize: 128, positions: 32_768, beginToken: nil,
        endToken: nil)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: defaults)
        let rotary = try RotaryPositions(settings)
        let windows = try QwenWindows.windows(of: settings, configuration)
        let hasBias = settings.configuration.attentionBias ?? false
        return settings.architecture { index in
            settings.block(
                settings.attention(
                    index, settings.heads(rotary, window: windows[index]),
                    biases: .init(inputs: hasBias, output: hasBias),
                    normSizes: (query: settings.headSize, key: settings.headSize)),
                settings.feedForward(index), index: index)
        }
    }
}
