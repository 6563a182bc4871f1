// The Phi-3 family: LLaMA's layers with queries, keys and values stored as one matrix, and gate and up as another.

package import FoundationEssentials

/// Phi-3 and 3.5 mini and medium, and Phi-4 mini.
package enum Phi3Family: ModelFamily {
    package static let modelTypes = ["phi3"]

    private static let defaults = LlamaDefaults(
        vocabulary: 32_064, hidden: 3072, inner: 8192, positions: 4096, epsilon: 1e-5, endToken: 32_000)

    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let settings = try LlamaSettings(configuration, defaults: defaults)
        let heads = settings.heads(
            try RotaryPositions(phi3: settings),
            window: try settings.configuration.slidingWindow.value(or: nil).map {
                try Settings.size($0, "sliding_window", limit: Settings.Limit.positions)
            })
        let (queryRows, keyRows) = (
            settings.headCount * settings.headSize, settings.keyValueHeadCount * settings.headSize
        )
        return settings.architecture { index in
            let prefix = settings.layer(index)
            let projections = LinearDescription(
                "\(prefix).self_attn.qkv_proj", rows: queryRows + 2 * keyRows, columns: settings.hidden,
                hasBias: false)
            let first = LinearDescription(
                "\(prefix).mlp.gate_up_proj", rows: 2 * settings.inner, columns: settings.hidden, hasBias: false)
            return settings.block(
                SelfAttentionDescription(
                    query: LinearRows(projections, rows: 0..<queryRows),
                    key: LinearRows(projections, rows: queryRows..<queryRows + keyRows),
                    value: LinearRows(projections, rows: queryRows + keyRows..<queryRows + 2 * keyRows),
                    heads: heads, output: settings.attentionOutput(index, hasBias: false)),
                FeedForwardDescription(
                    gate: LinearRows(first, rows: 0..<settings.inner),
                    up: LinearRows(first, rows: settings.inner..<2 * settings.inner),
                    down: settings.feedForwardOutput(index, hasBias: false), function: settings.function),
                index: index)
        }
    }
}
