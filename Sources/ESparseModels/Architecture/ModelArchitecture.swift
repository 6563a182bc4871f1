// A whole model as data: what config.json says, with every tensor's name and shape.

public import ESparseCore
public import FoundationEssentials

/// The shape of a language model: everything about it but the weights.
public struct ModelArchitecture: Sendable {
    /// `model_type` of config.json.
    public let modelType: String
    /// Positions that the model was made for (`max_position_embeddings`).
    public let contextLength: Int
    /// The most positions a sequence can have: the rows of a learned table. Nil where rotary positions set no limit.
    public let positionLimit: Int?
    /// The beginning-of-sequence token, if config.json names one of the vocabulary.
    public let beginToken: Int32?
    /// Tokens that end a text; ids outside the vocabulary are left out.
    public let endTokens: [Int32]
    /// Element type that config.json names (`dtype` or `torch_dtype`), if any.
    public let elementType: ElementType?

    /// How tokens become hidden states.
    package private(set) var embedding: EmbeddingDescription
    /// The decoder blocks, in order.
    package let blocks: [BlockDescription]
    /// How hidden states become logits.
    package private(set) var head: HeadDescription

    /// Reads config.json.
    ///
    /// - Throws: `ModelError` when the model is not of a supported family or a setting is missing, absurd or unsupported.
    public init(configuration: Data) throws {
        self = try ModelFamilies.architecture(from: configuration)
    }

    /// Reads config.json. Writers that store a shared tensor once may keep a tied table under the head's name only; `weights`
    /// tells which name it has.
    ///
    /// - Throws: as `init(configuration:)`.
    package init(configuration: Data, for weights: any WeightSource) throws {
        try self.init(configuration: configuration)
        guard head.isTied, weights.shape(of: embedding.name) == nil, weights.shape(of: Self.headName) != nil else {
            return
        }
        embedding.name = Self.headName
        head.name = Self.headName
    }

    init(
        modelType: String, contextLength: Int, positionLimit: Int?, specialTokens: SpecialTokens,
        embedding: EmbeddingDescription, blocks: [BlockDescription], head: HeadDescription
    ) {
        self.modelType = modelType
        self.contextLength = contextLength
        self.positionLimit = positionLimit
        self.beginToken = specialTokens.begin(vocabularySize: embedding.vocabularySize)
        self.endTokens = specialTokens.ends(vocabularySize: embedding.vocabularySize)
        self.elementType = specialTokens.elementType
        self.embedding = embedding
        self.blocks = blocks
        self.head = head
    }

    /// V: token ids are in `[0, vocabularySize)`.
    public var vocabularySize: Int { embedding.vocabularySize }

    /// D: channels of the residual stream.
    public var hiddenSize: Int { embedding.hiddenSize }

    /// Number of decoder blocks.
    public var blockCount: Int { blocks.count }

    /// Number of weights, biases and norms together.
    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// Positions after which a text has other rotary frequencies than before (longrope); nil where length changes nothing.
    package var shortTextLength: Int? {
        blocks.lazy.flatMap(\.layers).compactMap { ($0.layer as? SelfAttentionDescription)?.heads.longRotary }.first?
            .afterPositions
    }

    /// Every tensor of the model, in order of data flow.
    package var tensors: [TensorDescription] { embedding.tensors + blocks.flatMap(\.tensors) + head.tensors }

    /// Shape of every tensor by name.
    public var expectedTensors: [String: [Int]] {
        Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    }

    /// Name of an untied head's weight, in all families.
    package static let headName = "lm_head.weight"

    /// Checks that a checkpoint has every tensor with the right shape and a type that can be read; reads no weights.
    ///
    /// - Throws: `ModelError` naming the first tensor that is missing or has another shape; the format's error for its type.
    public func validate(_ weights: any WeightSource) throws {
        for tensor in tensors {
            guard let found = weights.shape(of: tensor.name) else {
                throw ModelError.missingTensor(tensor.name, expected: tensor.shape)
            }
            guard found == tensor.shape else {
                throw ModelError.wrongShape(tensor.name, found: found, expected: tensor.shape)
            }
            try weights.checkElementType(of: tensor.name)
        }
    }

    /// The description of a KV cache for some sequences of this model.
    package func cacheDescription(sequenceCount: Int, capacity: Int) -> CacheDescription {
        guard let heads = blocks.lazy.compactMap(\.cachedHeads).first else {
            preconditionFailure("no family describes a model without attention")
        }
        return CacheDescription(
            layerCount: blockCount, sequenceCount: sequenceCount, capacity: capacity, keyValueHeadCount: heads.count,
            headSize: heads.size)
    }
}
