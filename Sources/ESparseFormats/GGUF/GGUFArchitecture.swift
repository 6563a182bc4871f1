// How an architecture of llama.cpp's files corresponds to a family of Hugging Face's: a description in data.

/// One architecture (`general.architecture`), for reading its files and for writing them.
///
/// To add one, describe it in a file of `Architectures` and list it in `all`.
package struct GGUFArchitecture: Sendable {
    /// `general.architecture`, and the first part of its metadata keys.
    package let name: String
    /// Models of the architecture, for messages.
    package let models: String
    /// `model_type` of config.json.
    package let modelType: String
    /// transformers' class.
    package let modelClass: String
    /// The tensors.
    package let tensors: GGUFTensorTable
    /// The numbers that config.json and the metadata both hold.
    package let settings: [GGUFSetting]
    /// Blocks that attend to all tokens: every block whose number, from 1, is a multiple of this. The others attend to a
    /// window (`sliding_window`) where there is one. Nil where the architecture's blocks are all alike.
    package let windowPeriod: Int?
    /// Whether a model may turn only a part of each head's channels (`partial_rotary_factor` of config.json).
    package let mayTurnPartOfHeads: Bool
    /// Metadata keys, without the architecture's name in front, whose values above 0 tell models of the same architecture that
    /// are not supported, and what these are.
    package let foreign: [String: String]
    /// What a model of the architecture has by its nature, and so not in its metadata, under config.json's keys.
    package let nature: @Sendable (GGUFShape) -> [String: JSONValue]

    /// Describes an architecture.
    ///
    /// - Parameters:
    ///   - name: `general.architecture`.
    ///   - models: models of the architecture, for messages.
    ///   - modelType: `model_type` of config.json; nil where it is `name`.
    ///   - modelClass: transformers' class.
    ///   - tensors: the tensors.
    ///   - contextLength: positions, where a file does not say.
    ///   - epsilon: of the norms, where a file does not say.
    ///   - rotaryBase: of the rotary frequencies, where a file does not say.
    ///   - settings: beside those that all architectures share.
    ///   - windowPeriod: which blocks attend to all tokens, or nil.
    ///   - mayTurnPartOfHeads: whether rotary positions may be over a part of each head.
    ///   - foreign: metadata of models that are not supported.
    ///   - nature: what is not in the metadata.
    init(
        _ name: String, models: String, modelType: String? = nil, modelClass: String, tensors: GGUFTensorTable,
        contextLength: Int, epsilon: Double, rotaryBase: Double = 10_000, settings: [GGUFSetting] = [],
        windowPeriod: Int? = nil, mayTurnPartOfHeads: Bool = false, foreign: [String: String] = [:],
        nature: @escaping @Sendable (GGUFShape) -> [String: JSONValue]
    ) {
        self.name = name
        self.models = models
        self.modelType = modelType ?? name
        self.modelClass = modelClass
        self.tensors = tensors
        self.settings =
            GGUFSetting.shared(contextLength: contextLength, epsilon: epsilon, rotaryBase: rotaryBase) + settings
        self.windowPeriod = windowPeriod
        self.mayTurnPartOfHeads = mayTurnPartOfHeads
        self.foreign = foreign
        self.nature = nature
    }

    /// All architectures, in the order errors name them.
    package static let all = [llama, qwen2, qwen3, gemma2, gemma3, phi3, olmo2]

    /// The architecture of a name.
    package static func named(_ name: String) -> GGUFArchitecture? { all.first { $0.name == name } }
}

/// The sizes that reading tensors needs.
package struct GGUFShape: Sendable, Equatable {
    /// Channels of the residual stream.
    package let hiddenSize: Int
    /// Decoder blocks.
    package let blockCount: Int
    /// Query heads.
    package let headCount: Int
    /// Key/value heads.
    package let keyValueHeadCount: Int
    /// Channels of a head.
    package let headSize: Int

    /// Takes the sizes from settings under config.json's keys.
    package init(settings: [String: JSONValue]) {
        func size(_ key: String) -> Int { settings[key]?.integer ?? 1 }
        hiddenSize = size("hidden_size")
        blockCount = size("num_hidden_layers")
        headCount = size("num_attention_heads")
        keyValueHeadCount = size("num_key_value_heads")
        headSize = size("head_dim")
    }
}
