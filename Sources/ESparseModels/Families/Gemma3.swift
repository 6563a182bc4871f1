// The text models of Gemma 3: as Gemma 2, with norms on heads in place of the cap of scores, and rotary positions by kind of layer.

package import FoundationEssentials

/// Gemma 3's text models. Of a folder that also reads pictures the text part is opened as one of these.
package enum Gemma3Family: ModelFamily {
    package static let modelTypes = ["gemma3_text"]

    private static let defaults = LlamaDefaults(
        vocabulary: 262_208, hidden: 2304, inner: 9216, blocks: 26, heads: 8, keyValueHeads: 4, headSize: 256,
        positions: 131_072, tiesEmbeddings: true, beginToken: 2, endToken: 1)

    /// Rotary settings of layers with and without a window.
    private struct Rotary: Decodable {
        struct ByKind: Decodable {
            var full: RotarySettings?
            var sliding: RotarySettings?

            enum CodingKeys: String, CodingKey {
                case full = "full_attention"
                case sliding = "sliding_attention"
            }
        }
        var byKind: ByKind?
        /// Before transformers 5: the base of layers with a window.
        var localBase: Double?
        var pattern: Int?

        enum CodingKeys: String, CodingKey {
            case byKind = "rope_parameters"
            case localBase = "rope_local_base_freq"
            case pattern = "sliding_window_pattern"
        }
    }

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try GemmaSettings(configuration, defaults: defaults)
        let shared = settings.shared
        let own = try Settings.decode(Rotary.self, from: configuration)
        // `rope_scaling`, the older way, is of layers without a window.
        let full = try RotaryPositions(
            shared, (shared.configuration.rotaryScaling ?? RotarySettings()).filled(by: own.byKind?.full),
            key: "rope_parameters.full_attention", base: shared.configuration.rotaryBase ?? 1_000_000)
        let sliding = try RotaryPositions(
            shared, own.byKind?.sliding ?? RotarySettings(), key: "rope_parameters.sliding_attention",
            base: own.localBase ?? 10_000)
        let pattern = try Settings.size(own.pattern ?? 6, "sliding_window_pattern", limit: Settings.Limit.blocks)
        let windows = try LayerWindows(
            shared, window: settings.window,
            isSliding: { !($0 + 1).isMultiple(of: pattern) })
        return try settings.architecture(logitSoftCap: nil) { index in
            let window = windows[index]
            return shared.attention(
                index, settings.heads(window == nil ? full : sliding, softCap: nil, window: window),
                biases: settings.biases, normSizes: (query: shared.headSize, key: shared.headSize))
        }
    }
}
