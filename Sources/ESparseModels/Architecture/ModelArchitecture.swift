// A whole model as data: what config.json says, with every tensor's name and shape. Both families fit this description.

public import ESparseCore
public import FoundationEssentials

/// The shape of a language model: everything about it but the weights.
public struct ModelArchitecture: Sendable {
    /// How tokens become hidden states.
    package struct Embedding: Sendable {
        /// Learned positions (OPT).
        package struct Positions: Sendable {
            /// Name of the table `[rows, D]`.
            package let name: String
            /// Rows of the table; position p is row `p + offset`.
            package let rows: Int
            /// Rows before that of position 0.
            package let offset: Int
        }

        /// Name of the token table `[V, channels]`.
        package fileprivate(set) var name: String
        /// Channels of a token's row.
        package let channels: Int
        /// From the table's channels to the hidden size, where they differ.
        package let projection: LinearDescription?
        /// The table of positions, for models without rotary positions.
        package let positions: Positions?
    }

    /// How hidden states become logits.
    package struct Head: Sendable {
        /// The last norm, if any.
        package let normalization: NormalizationDescription?
        /// From the hidden size to the token table's channels, where they differ.
        package let projection: LinearDescription?
        /// Name of the weight `[V, channels]`; the token table's own name where they are tied.
        package fileprivate(set) var name: String
        /// Whether the weight is the token table.
        package let isTied: Bool
    }

    /// `model_type` of config.json.
    public let modelType: String
    /// V: token ids are in `[0, vocabularySize)`.
    public let vocabularySize: Int
    /// D: channels of the residual stream.
    public let hiddenSize: Int
    /// Positions that the model was made for (`max_position_embeddings`).
    public let contextLength: Int
    /// The most positions a sequence can have: the rows of a learned table, or the window of an attention that would slide beyond
    /// it; nil for other rotary positions, which go on.
    public let positionLimit: Int?
    /// The beginning-of-sequence token, if config.json names one of the vocabulary.
    public let beginToken: Int32?
    /// Tokens that end a text; ids outside the vocabulary are left out.
    public let endTokens: [Int32]
    /// Element type that config.json names (`dtype` or `torch_dtype`), if any.
    public let elementType: ElementType?

    /// How tokens become hidden states.
    package private(set) var embedding: Embedding
    /// The decoder blocks, in order.
    package let blocks: [BlockArchitecture]
    /// How hidden states become logits.
    package private(set) var head: Head

    /// Reads config.json.
    ///
    /// - Throws: `ModelError` when the model is not of a supported family or a setting is missing, absurd or unsupported.
    public init(configuration: Data) throws {
        self = try ModelFamilies.architecture(from: configuration)
    }

    /// Reads config.json, for weights that may have a tied table under the head's name only, as writers leave it that keep
    /// one name of shared tensors.
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
        modelType: String, vocabularySize: Int, hiddenSize: Int, contextLength: Int, positionLimit: Int?,
        specialTokens: SpecialTokens,
        embedding: Embedding, blocks: [BlockArchitecture], head: Head
    ) {
        self.modelType = modelType
        self.vocabularySize = vocabularySize
        self.hiddenSize = hiddenSize
        self.contextLength = contextLength
        self.positionLimit = positionLimit
        self.beginToken = specialTokens.begin(vocabularySize: vocabularySize)
        self.endTokens = specialTokens.ends(vocabularySize: vocabularySize)
        self.elementType = specialTokens.elementType
        self.embedding = embedding
        self.blocks = blocks
        self.head = head
    }

    /// Number of decoder blocks.
    public var blockCount: Int { blocks.count }

    /// Number of weights, biases and norms together.
    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// Every tensor of the model, in order of data flow.
    package var tensors: [TensorDescription] {
        var tensors = [
            TensorDescription(name: embedding.name, shape: [vocabularySize, embedding.channels], role: .embedding)
        ]
        if let positions = embedding.positions {
            tensors.append(
                TensorDescription(name: positions.name, shape: [positions.rows, hiddenSize], role: .embedding))
        }
        tensors += embedding.projection?.tensors ?? []
        tensors += blocks.flatMap(\.tensors)
        tensors += head.normalization?.tensors ?? []
        tensors += head.projection?.tensors ?? []
        if !head.isTied {
            tensors.append(
                TensorDescription(name: head.name, shape: [vocabularySize, embedding.channels], role: .linear))
        }
        return tensors
    }

    /// Shape of every tensor by name.
    public var expectedTensors: [String: [Int]] {
        Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    }

    /// The name under which the head lies, in all families.
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
        CacheDescription(
            layerCount: blockCount, sequenceCount: sequenceCount, capacity: capacity,
            keyValueHeadCount: blocks[0].attention.keyValueHeadCount, headSize: blocks[0].attention.headSize)
    }
}
