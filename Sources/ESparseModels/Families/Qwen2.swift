// The Qwen 2 family: LLaMA's layers, with biases on queries, keys and values.

package import FoundationEssentials

/// Qwen 2 and 2.5, their Coder and Math variants included.
package enum Qwen2Family: ModelFamily {
    package static let modelTypes = ["qwen2"]

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(Settings.decode(LlamaConfiguration.self, from: configuration))
        let windows = try Settings.decode(Windows.self, from: configuration)
        if windows.areUsed ?? false {
            throw ModelError.unsupportedSetting("use_sliding_window", value: "true", supported: "false")
        }
        return settings.architecture(positionLimit: nil, specialTokens: try SpecialTokens(configuration)) { index in
            settings.block(index, biases: (inputs: true, output: false))
        }
    }

    /// `sliding_window` counts only where `use_sliding_window` says so.
    private struct Windows: Decodable {
        var areUsed: Bool?
        enum CodingKeys: String, CodingKey { case areUsed = "use_sliding_window" }
    }
}
