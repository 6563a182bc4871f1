// The Mistral family: LLaMA's layers, whose attentions see a window of tokens.

package import FoundationEssentials

/// Mistral 7B and the dense models after it, and Ministral, where only some layers have a window. A `mistral` with `layer_types` is a
/// Ministral, as transformers' `AutoConfig` has it.
package enum MistralFamily: ModelFamily {
    package static let modelTypes = ["mistral", "ministral"]

    private static let defaults = LlamaDefaults(inner: 14_336, keyValueHeads: 8, positions: 131_072)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: defaults)
        let rotary = try RotaryPositions(settings)
        let windows = try LayerWindows(
            settings, window: settings.configuration.slidingWindow.value(or: 4096), isSliding: { _ in true })
        return settings.architecture { index in
            settings.block(
                settings.attention(index, settings.heads(rotary, window: windows[index])),
                settings.feedForward(index), index: index)
        }
    }
}
