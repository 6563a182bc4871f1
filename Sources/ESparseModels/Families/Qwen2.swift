// The Qwen 2 family: LLaMA's layers, with biases on queries, keys and values, and windows in the upper layers of some models.

package import FoundationEssentials

/// Qwen 2 and 2.5, their Coder and Math variants included.
package enum Qwen2Family: ModelFamily {
    package static let modelTypes = ["qwen2"]

    private static let defaults = LlamaDefaults(
        vocabulary: 151_936, inner: 22_016, keyValueHeads: 32, positions: 32_768, beginToken: nil, endToken: nil)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: defaults)
        let rotary = try RotaryPositions(settings)
        let windows = try QwenWindows.windows(of: settings, configuration)
        return settings.architecture { index in
            settings.block(
                settings.attention(index, settings.heads(rotary, window: windows[index]), biases: .init(inputs: true)),
                settings.feedForward(index), index: index)
        }
    }
}

/// The windows of Qwen's models: `sliding_window` counts only where `use_sliding_window` says so, and from layer `max_window_layers` on.
struct QwenWindows: Decodable {
    private var areUsed: Bool?
    private var fullLayers: Int?

    private enum CodingKeys: String, CodingKey {
        case areUsed = "use_sliding_window"
        case fullLayers = "max_window_layers"
    }

    /// Reads the windows of all layers.
    ///
    /// - Throws: `ModelError`.
    static func windows(of settings: LlamaSettings, _ configuration: Data) throws -> LayerWindows {
        let own = try Settings.decode(QwenWindows.self, from: configuration)
        let window = own.areUsed ?? false ? settings.configuration.slidingWindow.value(or: 4096) : nil
        return try LayerWindows(settings, window: window, isSliding: { $0 >= own.fullLayers ?? 28 })
    }
}
