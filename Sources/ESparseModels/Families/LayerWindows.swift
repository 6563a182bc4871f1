// Which layers attend to a window of tokens only.

/// The window of each layer: as `layer_types` of config.json says, or by the family's rule where it says nothing.
struct LayerWindows {
    private let windows: [Int?]

    /// Reads `layer_types`.
    ///
    /// - Parameters:
    ///   - settings: the model's other settings.
    ///   - window: tokens that a layer with a window attends to; nil where no layer has one.
    ///   - isSliding: the family's rule, by a layer's number.
    /// - Throws: `ModelError` where there are more or fewer kinds than layers, an unknown one, or a layer that should have a window and
    ///   no window.
    init(_ settings: LlamaSettings, window: Int?, isSliding: (Int) -> Bool) throws {
        let window = try window.map { try Settings.size($0, "sliding_window", limit: Settings.Limit.positions) }
        guard let types = settings.configuration.layerTypes else {
            windows = (0..<settings.blockCount).map { isSliding($0) ? window : nil }
            return
        }
        guard types.count == settings.blockCount else {
            throw ModelError.invalidSetting(
                "layer_types", value: "a list of \(types.count)",
                requirement: "a list of \"num_hidden_layers\" (\(settings.blockCount))")
        }
        windows = try types.map { type in
            switch type {
            case "full_attention": return nil
            case "sliding_attention":
                guard let window else {
                    throw ModelError.invalidSetting(
                        "sliding_window", value: "not given",
                        requirement: "a number of tokens, because \"layer_types\" names layers with a window")
                }
                return window
            default:
                throw ModelError.unsupportedSetting(
                    "layer_types", value: "\"\(type.prefix(80))\"", supported: "full_attention, sliding_attention")
            }
        }
    }

    /// Tokens that a layer attends to; nil for all before.
    subscript(layer: Int) -> Int? { windows[layer] }
}
