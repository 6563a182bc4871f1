// The published shapes of well-known models, for checkpoints with random weights.

public import FoundationEssentials

/// A model whose exact shape is public.
public enum KnownModel: String, CaseIterable, Sendable {
    case llama7B = "llama-7b"
    case llama13B = "llama-13b"
    case llama30B = "llama-30b"
    case llama65B = "llama-65b"
    case llama2With7B = "llama-2-7b"
    case llama3With8B = "llama-3-8b"
    case llama32With1B = "llama-3.2-1b"
    case tinyLlama = "tinyllama-1.1b"
    case smolLM2 = "smollm2-135m"
    case opt125M = "opt-125m"
    case opt1300M = "opt-1.3b"
    case opt6700M = "opt-6.7b"
    case opt13B = "opt-13b"
    case opt30B = "opt-30b"
    case mistral7B = "mistral-7b"
    case qwen25With7B = "qwen2.5-7b"
    case qwen3With8B = "qwen3-8b"
    case gemma2With9B = "gemma2-9b"
    case gemma3With1B = "gemma3-1b"
    case phi3Mini = "phi3-mini"
    case olmo2With7B = "olmo2-7b"

    /// The model's config.json.
    ///
    /// - Throws: never in practice; JSON encoding is declared to throw.
    public func configuration() throws -> Data {
        if let publishedText { return Data(publishedText.utf8) }
        return switch self {
        case .llama7B: try llama(4096, inner: 11008, blocks: 32, heads: 32)
        case .llama13B: try llama(5120, inner: 13824, blocks: 40, heads: 40)
        case .llama30B: try llama(6656, inner: 17920, blocks: 60, heads: 52)
        case .llama65B: try llama(8192, inner: 22016, blocks: 80, heads: 64) { $0.epsilon = 1e-5 }
        case .llama2With7B:
            try llama(4096, inner: 11008, blocks: 32, heads: 32) {
                $0.epsilon = 1e-5
                $0.maximumPositions = 4096
            }
        case .llama3With8B:
            try llama(4096, inner: 14336, blocks: 32, heads: 32, begin: 128_000, end: 128_001) {
                $0.setLlama3(keyValueHeads: 8, positions: 8192)
            }
        case .llama32With1B:
            try llama(2048, inner: 8192, blocks: 16, heads: 32, begin: 128_000, end: 128_001) {
                $0.setLlama3(keyValueHeads: 8, positions: 131_072)
                $0.tiesEmbeddings = true
                $0.rotaryScaling = RotarySettings(
                    kind: "llama3", factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4,
                    originalPositions: 8192)
            }
        case .tinyLlama:
            try llama(2048, inner: 5632, blocks: 22, heads: 32) {
                $0.epsilon = 1e-5
                $0.keyValueHeadCount = .value(4)
            }
        case .smolLM2:
            try llama(576, inner: 1536, blocks: 30, heads: 9, begin: 0, end: 0) {
                $0.vocabularySize = 49_152
                $0.keyValueHeadCount = .value(3)
                $0.maximumPositions = 8192
                $0.epsilon = 1e-5
                $0.rotaryBase = 100_000
                $0.tiesEmbeddings = true
            }
        case .opt125M: try opt(768, blocks: 12, heads: 12)
        case .opt1300M: try opt(2048, blocks: 24, heads: 32)
        case .opt6700M: try opt(4096, blocks: 32, heads: 32)
        case .opt13B: try opt(5120, blocks: 40, heads: 40)
        case .opt30B: try opt(7168, blocks: 48, heads: 56)
        case .mistral7B, .qwen25With7B, .qwen3With8B, .gemma2With9B, .gemma3With1B, .phi3Mini, .olmo2With7B:
            preconditionFailure("\(rawValue) has a published text")
        }
    }

    /// The first LLaMA's settings, then those that differ.
    private func llama(
        _ hidden: Int, inner: Int, blocks: Int, heads: Int, begin: Int = 1, end: Int = 2,
        changing change: (inout LlamaConfiguration) -> Void = { _ in }
    ) throws -> Data {
        var settings = LlamaConfiguration(
            modelType: "llama", vocabularySize: 32_000, hiddenSize: hidden, intermediateSize: inner,
            blockCount: blocks, headCount: heads, keyValueHeadCount: .value(heads), maximumPositions: 2048,
            epsilon: 1e-6,
            activation: "silu", attentionBias: false, feedForwardBias: false, tiesEmbeddings: false, rotaryBase: 10_000)
        change(&settings)
        return try encode(settings, architecture: "LlamaForCausalLM", begin: begin, end: end)
    }

    private func opt(_ hidden: Int, blocks: Int, heads: Int) throws -> Data {
        let settings = OPTConfiguration(
            modelType: "opt", vocabularySize: 50_272, hiddenSize: hidden, feedForwardSize: 4 * hidden,
            blockCount: blocks, headCount: heads, maximumPositions: 2048, embeddingSize: hidden, activation: "relu",
            hasBias: true, normalizesFirst: true, removesFinalNorm: false, normsHaveWeights: true, tiesEmbeddings: true)
        return try encode(settings, architecture: "OPTForCausalLM", begin: 2, end: 2)
    }

    private func encode<Family: Encodable>(
        _ settings: Family, architecture: String, begin: Int, end: Int
    ) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let tokens = SpecialTokens(
            beginToken: .value(.one(begin)), endToken: .value(.one(end)), dtype: nil, torchDtype: "bfloat16")
        return try encoder.encode(Document(family: settings, tokens: tokens, architectures: [architecture]))
    }

    /// One flat JSON object of a family's settings, the special tokens and the class name.
    private struct Document<Family: Encodable>: Encodable {
        let family: Family
        let tokens: SpecialTokens
        let architectures: [String]

        private enum CodingKeys: String, CodingKey { case architectures }

        func encode(to encoder: any Encoder) throws {
            try family.encode(to: encoder)
            try tokens.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(architectures, forKey: .architectures)
        }
    }
}

extension LlamaConfiguration {
    /// What LLaMA 3 changed in all sizes.
    fileprivate mutating func setLlama3(keyValueHeads: Int, positions: Int) {
        vocabularySize = 128_256
        keyValueHeadCount = .value(keyValueHeads)
        maximumPositions = positions
        epsilon = 1e-5
        rotaryBase = 500_000
    }
}
