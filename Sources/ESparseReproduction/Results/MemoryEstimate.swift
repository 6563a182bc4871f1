// Weight memory of a model before and after pruning, computed exactly from its shapes.

package import ESparseCore
package import ESparseModels

/// Bytes of a model's weights in 16 bits, dense and with all linears of its decoder blocks packed.
package struct MemoryEstimate: Sendable, Encodable, Equatable {
    /// The model's name.
    package let model: String
    /// The pattern of the packed linears.
    package let pattern: String
    /// Two bytes a weight, bias and norm.
    package let denseBytes: Int
    /// The same with each packed linear's kept values and bitmask in place of its weights.
    package let packedBytes: Int
    /// What the channel orders of shuffled sites add, one an input, four bytes a channel.
    package let orderBytes: Int

    enum CodingKeys: String, CodingKey {
        case model, pattern
        case denseBytes = "dense_bytes"
        case packedBytes = "packed_bytes"
        case orderBytes = "channel_order_bytes"
    }

    /// Computes the bytes of an architecture whose input channels `pattern` divides.
    package init(model: String, architecture: ModelArchitecture, pattern: SparsityPattern) {
        self.model = model
        self.pattern = pattern.description
        denseBytes = 2 * architecture.parameterCount
        var saved = 0
        var orders = 0
        for site in architecture.blocks.flatMap(\.sites) {
            for linear in site.linears {
                let kept = linear.rows * (linear.columns / pattern.group * pattern.kept)
                saved += 2 * (linear.rows * linear.columns - kept) - linear.rows * ((linear.columns + 7) / 8)
            }
            if case .atRunTime = site.shuffle { orders += 4 * site.channels }
        }
        packedBytes = denseBytes - saved
        orderBytes = orders
    }

    /// Saved share of the dense bytes, without the channel orders.
    package var saved: Double { 1 - Double(packedBytes) / Double(denseBytes) }

    /// The models of the paper's memory table.
    package static let paperModels: [KnownModel] = [
        .llama7B, .llama13B, .llama30B, .llama65B, .opt6700M, .opt13B, .opt30B,
    ]

    /// What the paper says it saves, least and most.
    package static let paperRange = 0.4264...0.4352

    /// The paper's models at 2:4 (4:8 takes the same).
    package static func paperTable() throws -> [MemoryEstimate] {
        try paperModels.map { model in
            try MemoryEstimate(
                model: model.rawValue, architecture: ModelArchitecture(configuration: model.configuration()),
                pattern: .twoOfFour)
        }
    }
}
