// Reads a GGUF file's hyperparameters and writes them as a Hugging Face config.json.

import ESparseCore
package import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the metadata of a LLaMA-family GGUF file says about the model's shape.
package struct GGUFArchitecture: Sendable {
    /// `general.architecture`.
    package let name: String
    /// Channels of the residual stream.
    package let hiddenSize: Int
    /// Decoder blocks.
    package let blockCount: Int
    /// Channels inside the feed-forward layer.
    package let intermediateSize: Int
    /// Query heads.
    package let headCount: Int
    /// Key/value heads.
    package let keyValueHeadCount: Int
    /// Channels of a head.
    package let headSize: Int
    private let metadata: GGUFMetadata

    /// Name of the tensor that holds Llama 3's divisors of the rotary frequencies.
    package static let rotaryFactorsName = "rope_freqs.weight"

    /// Reads and checks the hyperparameters.
    ///
    /// - Throws: `FormatError` when the architecture is not supported or a value is missing or absurd.
    package init(metadata: GGUFMetadata) throws(FormatError) {
        self.metadata = metadata
        name = try metadata.string("general.architecture") ?? "unnamed"
        guard GGUFWeights.supportedArchitectures.contains(name) else {
            throw .unsupported(
                path: metadata.path, found: "GGUF architecture \"\(name)\"",
                supported:
                    "of GGUF files the architectures llama (LLaMA, Mistral, SmolLM2, TinyLlama) and qwen2 (Qwen 2 and "
                    + "2.5) are")
        }
        let key = name
        func positive(_ suffix: String, default fallback: Int? = nil) throws(FormatError) -> Int {
            guard let value = try metadata.integer("\(key).\(suffix)") ?? fallback else {
                throw .invalidField(path: metadata.path, field: "\(key).\(suffix)", reason: "is missing")
            }
            guard value > 0, value <= 1 << 31 else {
                throw .invalidField(
                    path: metadata.path, field: "\(key).\(suffix)", reason: "is \(value), not a size a model can have")
            }
            return value
        }
        hiddenSize = try positive("embedding_length")
        blockCount = try positive("block_count")
        intermediateSize = try positive("feed_forward_length")
        headCount = try positive("attention.head_count")
        keyValueHeadCount = try positive("attention.head_count_kv", default: headCount)
        headSize = try positive("attention.key_length", default: max(1, hiddenSize / headCount))
        let rotarySize = try positive("rope.dimension_count", default: headSize)
        guard rotarySize == headSize else {
            throw .unsupported(
                path: metadata.path, found: "a rotary size of \(rotarySize) in heads of \(headSize)",
                supported: "rotary positions over whole heads are")
        }
        if let experts = try metadata.integer("\(name).expert_count"), experts > 0 {
            throw .unsupported(
                path: metadata.path, found: "a mixture of \(experts) experts", supported: "dense models are")
        }
        if let parts = try metadata.integer("split.count"), parts > 1 {
            throw .unsupported(
                path: metadata.path, found: "a GGUF file split in \(parts) parts",
                supported: "merge them with llama-gguf-split --merge first")
        }
    }

    /// The configuration in Hugging Face's form, UTF-8 JSON with sorted keys.
    ///
    /// - Throws: `FormatError` when a value has the wrong type or the rotary scaling is of an unknown kind.
    package func configuration(file: GGUFFile) throws(FormatError) -> Data {
        guard let embedding = file.entries["token_embd.weight"] else {
            throw .missingTensor(path: file.path, name: "token_embd.weight")
        }
        let base = try metadata.number("\(name).rope.freq_base") ?? 10_000
        let epsilon = try metadata.number("\(name).attention.layer_norm_rms_epsilon") ?? 1e-5
        func integer(_ key: String) throws(FormatError) -> JSONValue {
            try metadata.integer("tokenizer.ggml.\(key)_token_id").map { .integer($0) } ?? .null
        }
        let config: [String: JSONValue] = [
            "architectures": .array([.text(name == "qwen2" ? "Qwen2ForCausalLM" : "LlamaForCausalLM")]),
            "model_type": .text(name),
            "hidden_size": .integer(hiddenSize),
            "intermediate_size": .integer(intermediateSize),
            "num_hidden_layers": .integer(blockCount),
            "num_attention_heads": .integer(headCount),
            "num_key_value_heads": .integer(keyValueHeadCount),
            "head_dim": .integer(headSize),
            "vocab_size": .integer(embedding.shape.first ?? 0),
            "max_position_embeddings": .integer(try metadata.integer("\(name).context_length") ?? 2048),
            "rope_theta": .number(GGUFArchitecture.shortest(base)),
            "rope_scaling": try rotaryScaling(file: file, base: base),
            "rms_norm_eps": .number(GGUFArchitecture.shortest(epsilon)),
            "hidden_act": .text("silu"),
            "attention_bias": name == "qwen2"
                ? .null : .boolean(try hasBiases(["attn_q", "attn_k", "attn_v", "attn_output"], in: file)),
            "mlp_bias": .boolean(try hasBiases(["ffn_gate", "ffn_up", "ffn_down"], in: file)),
            "tie_word_embeddings": .boolean(file.entries["output.weight"] == nil),
            "bos_token_id": try integer("bos"),
            "eos_token_id": try integer("eos"),
            "pad_token_id": try integer("padding"),
            "torch_dtype": .text("float32"),
        ]
        return Data(JSONValue.sorted(config).serialized(indented: true))
    }

    /// Whether these linears have biases: in every block or in none, because config.json has one setting for all.
    private func hasBiases(_ linears: [String], in file: GGUFFile) throws(FormatError) -> Bool {
        let present = file.entries.keys.filter { name in
            name.hasPrefix("blk.") && linears.contains { name.hasSuffix(".\($0).bias") }
        }
        guard let one = present.min() else { return false }
        let names = (0..<blockCount).lazy.flatMap { block in linears.map { "blk.\(block).\($0).bias" } }
        if let missing = names.first(where: { file.entries[$0] == nil }) {
            throw .unsupported(
                path: file.path, found: "a file with \(one) but without \(missing)",
                supported: "biases of all of \(linears.joined(separator: ", ")) in all blocks, or of none, are")
        }
        return true
    }

    /// The double that is written like the single: 1e-05 rather than 9.99999974737875e-06.
    private static func shortest(_ value: Double) -> Double {
        Double("\(Float(value))") ?? value
    }

    private func rotaryScaling(file: GGUFFile, base: Double) throws(FormatError) -> JSONValue {
        if file.entries[GGUFArchitecture.rotaryFactorsName] != nil {
            return try llama3Scaling(file: file, base: base)
        }
        // Files older than rope.scaling.* hold the linear factor under rope.scale_linear.
        let oldFactor = try metadata.number("\(name).rope.scale_linear")
        let kind = try metadata.string("\(name).rope.scaling.type") ?? "linear"
        // As in llama.cpp: a factor without a type is linear, and 0 means no scaling.
        guard let factor = try metadata.number("\(name).rope.scaling.factor") ?? oldFactor, factor != 1, factor != 0
        else { return .null }
        switch kind {
        case "linear":
            return .sorted(["rope_type": .text("linear"), "factor": .number(GGUFArchitecture.shortest(factor))])
        case "none": return .null
        default:
            throw .unsupported(
                path: file.path, found: "rotary scaling of type \"\(kind)\"",
                supported: "the types none, linear and llama3 are")
        }
    }

    /// Llama 3's scaling is stored as one divisor a frequency; Hugging Face wants the four numbers they come from.
    ///
    /// Three of the four are the same in all published models, so they are taken as given and the divisors recomputed to
    /// check them.
    private func llama3Scaling(file: GGUFFile, base: Double) throws(FormatError) -> JSONValue {
        let tensor = try file.tensor(GGUFArchitecture.rotaryFactorsName)
        let (low, high) = (1.0, 4.0)
        guard let factors = try? tensor.floats(), factors.count == headSize / 2,
            let factor = factors.last.map(Double.init)
        else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "F32 [\(headSize / 2)]")
            throw .invalidTensor(path: file.path, name: GGUFArchitecture.rotaryFactorsName, problem: problem)
        }
        for originalLength in [8192.0, 4096, 2048, 16384, 32768] {
            let matches = factors.enumerated().allSatisfy { index, stored in
                let frequency = pow(base, -2 * Double(index) / Double(headSize))
                let turns = originalLength * frequency / (2 * Double.pi)
                let smooth = min(1, max(0, (turns - low) / (high - low)))
                let expected = 1 / ((1 - smooth) / factor + smooth)
                return abs(expected - Double(stored)) <= 1e-3 * expected
            }
            if matches {
                return .sorted([
                    "rope_type": .text("llama3"), "factor": .number(GGUFArchitecture.shortest(factor)),
                    "low_freq_factor": .number(low), "high_freq_factor": .number(high),
                    "original_max_position_embeddings": .integer(Int(originalLength)),
                ])
            }
        }
        throw .unsupported(
            path: file.path, found: "the rotary scaling in \(GGUFArchitecture.rotaryFactorsName)",
            supported: "Llama 3's scaling with low and high factors 1 and 4 is")
    }
}
