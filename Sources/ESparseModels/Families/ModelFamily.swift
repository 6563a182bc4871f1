// All model families, and the choice between them by `model_type` of config.json.

package import FoundationEssentials

/// A family of models: describes the architecture that a config.json asks for.
package protocol ModelFamily: SendableMetatype {
    /// Values of `model_type` that belong to the family.
    static var modelTypes: [String] { get }
    /// Reads and checks config.json.
    ///
    /// - Throws: `ModelError`.
    static func architecture(from configuration: Data) throws -> ModelArchitecture
}

/// All families.
package enum ModelFamilies {
    /// Every family, in the order errors name them.
    static let all: [any ModelFamily.Type] = [
        LlamaFamily.self, MistralFamily.self, Qwen2Family.self, Qwen3Family.self, Gemma2Family.self,
        Gemma3Family.self, Phi3Family.self, OLMo2Family.self, OPTFamily.self,
    ]

    private struct Kind: Decodable {
        struct Quantization: Decodable {
            var method: String?
            enum CodingKeys: String, CodingKey { case method = "quant_method" }
        }
        var modelType: String
        var quantization: Quantization?
        var experts: Int?
        var localExperts: Int?
        var routedExperts: Int?
        enum CodingKeys: String, CodingKey {
            case modelType = "model_type"
            case quantization = "quantization_config"
            case experts = "num_experts"
            case localExperts = "num_local_experts"
            case routedExperts = "n_routed_experts"
        }

        /// Whether the model routes tokens to experts, by its settings or its name (qwen3_moe, phimoe, olmoe).
        var isMixture: Bool {
            [experts, localExperts, routedExperts].contains { $0 ?? 0 > 1 }
                || ["moe", "mixtral", "dbrx"].contains { modelType.contains($0) }
        }
    }

    /// Reads a config.json of any family.
    ///
    /// - Throws: `ModelError`.
    package static func architecture(from configuration: Data) throws -> ModelArchitecture {
        let kind = try Settings.decode(Kind.self, from: configuration)
        guard let family = all.first(where: { $0.modelTypes.contains(kind.modelType) }) else {
            let name = String(kind.modelType.prefix(80))
            if kind.isMixture { throw ModelError.mixtureOfExperts(name) }
            throw ModelError.unsupportedModelType(name, supported: all.flatMap { $0.modelTypes })
        }
        if let quantization = kind.quantization {
            throw ModelError.unsupportedSetting(
                "quantization_config", value: String((quantization.method ?? "there").prefix(80)),
                supported: "weights that are not quantised; convert the model to F32, F16 or BF16 first")
        }
        return try family.architecture(from: configuration)
    }
}
