// What an architecture's tensors are called in GGUF and in Hugging Face's checkpoints, and what differs in their values.

/// The tensors of an architecture, for reading its files and for writing them.
package struct GGUFTensorTable: Sendable {
    /// A layer of a decoder block.
    package struct Module: Sendable {
        /// Name in the file, such as `attn_q`.
        let stored: String
        /// Hugging Face's name, such as `self_attn.q_proj`.
        let canonical: String
        /// Whether it has a bias.
        var bias = Bias.never

        fileprivate var isNormalization: Bool { GGUFTensorTable.isNormalization(canonical) }
    }

    /// When a layer has a bias.
    package enum Bias: Sendable, Equatable {
        case never
        case always
        /// Where this setting of config.json is true.
        case setting(String)
    }

    /// The layers of a block.
    package let modules: [Module]
    /// Whether the rows of query and key lie in the order in which llama.cpp rotates them: row `h S + 2 i + p` of the file is
    /// row `h S + p S / 2 + i` of Hugging Face's matrix (`h` head, `S` head size, `i` rotary pair, `p` 0 or 1). Biases as well.
    package var hasNeighbouringPairs = false
    /// What the converter adds to the weights of norms.
    package var normalizationOffset: Float = 0
    /// Whether llama.cpp wants a head of its own, also where that is the token table.
    package var needsHead = false

    private static let outerNames = [
        "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    ]

    /// Tensors that say something about the model's settings: factors of rotary frequencies.
    package enum Factors {
        /// Divisors of the frequencies, `[S / 2]`: Llama 3's scaling.
        package static let llama3 = "rope_freqs.weight"
        /// Divisors for long texts, `[S / 2]`: LongRoPE.
        package static let long = "rope_factors_long.weight"
        /// Divisors for texts of the length that the model was first trained on, `[S / 2]`: LongRoPE.
        package static let short = "rope_factors_short.weight"
    }

    /// Whether a file's tensor holds no weights: its values follow from the configuration, or are part of it.
    package static func isDerived(_ stored: String) -> Bool {
        [Factors.llama3, Factors.long, Factors.short].contains(stored) || stored.hasSuffix(".attn_rot_embd.weight")
    }

    /// The Hugging Face name of a file's tensor, or nil where the architecture has none of that name.
    package func canonicalName(_ stored: String) -> String? {
        let parts = stored.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 2, parts[1] == "weight" { return Self.outerNames[String(parts[0])].map { "\($0).weight" } }
        guard parts.count == 4, parts[0] == "blk", let block = Self.number(parts[1]),
            let module = modules.first(where: { $0.stored == parts[2] }),
            parts[3] == "weight" || parts[3] == "bias" && module.bias != .never
        else { return nil }
        return "model.layers.\(block).\(module.canonical).\(parts[3])"
    }

    /// The file's name of a Hugging Face tensor, or nil where the architecture has none of that name.
    package func storedName(_ canonical: String) -> String? {
        guard let dot = canonical.lastIndex(of: ".") else { return nil }
        let (name, kind) = (canonical[..<dot], canonical[canonical.index(after: dot)...])
        if let outer = Self.outerNames.first(where: { $0.value == name }), kind == "weight" {
            return "\(outer.key).weight"
        }
        let parts = name.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "model", parts[1] == "layers", let block = Self.number(parts[2]),
            let module = modules.first(where: { $0.canonical == parts[3] }),
            kind == "weight" || kind == "bias" && module.bias != .never
        else { return nil }
        return "blk.\(block).\(module.stored).\(kind)"
    }

    /// A block's number, written as all writers do; `+1` and `01` would be second names of one tensor.
    private static func number(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0, String(number) == text else { return nil }
        return number
    }

    /// Whether a Hugging Face tensor is a norm's weight, to which the converter adds `normalizationOffset`.
    package static func isNormalizationWeight(_ canonical: String) -> Bool {
        canonical.hasSuffix(".weight") && isNormalization(canonical.dropLast(".weight".count))
    }

    private static func isNormalization(_ module: some StringProtocol) -> Bool { module.hasSuffix("norm") }

    /// Heads whose rows lie in another order in the file, or nil for a Hugging Face tensor whose rows do not.
    package func reorderedHeads(of canonical: String, queryHeads: Int, keyHeads: Int) -> Int? {
        guard hasNeighbouringPairs else { return nil }
        if canonical.contains(".self_attn.q_proj.") { return queryHeads }
        if canonical.contains(".self_attn.k_proj.") { return keyHeads }
        return nil
    }

    /// The file's row that becomes a row of Hugging Face's tensor, where rows are reordered.
    static func storedRow(of row: Int, headSize: Int) -> Int {
        let (head, inHead) = row.quotientAndRemainder(dividingBy: headSize)
        let (part, pair) = inHead.quotientAndRemainder(dividingBy: headSize / 2)
        return head * headSize + 2 * pair + part
    }

    /// Hugging Face's row at each row of the file, `[rows]`, of a tensor whose heads' rows lie in the file's order.
    package static func rowsInFile(_ rows: Int, heads: Int) -> [Int32] {
        let size = rows / heads
        return (0..<rows).map { row in
            let (pair, part) = (row % size).quotientAndRemainder(dividingBy: 2)
            return Int32(row / size * size + part * (size / 2) + pair)
        }
    }
}

// Layers that many architectures have.
extension GGUFTensorTable.Module {
    /// Separate projections; those of `inputs` (query, key, value) and the output may have biases.
    static func attention(
        inputs: GGUFTensorTable.Bias = .setting("attention_bias"),
        output: GGUFTensorTable.Bias = .setting("attention_bias")
    ) -> [Self] {
        [
            Self(stored: "attn_q", canonical: "self_attn.q_proj", bias: inputs),
            Self(stored: "attn_k", canonical: "self_attn.k_proj", bias: inputs),
            Self(stored: "attn_v", canonical: "self_attn.v_proj", bias: inputs),
            Self(stored: "attn_output", canonical: "self_attn.o_proj", bias: output),
        ]
    }

    /// Gate, up and down.
    static func feedForward(bias: GGUFTensorTable.Bias = .never) -> [Self] {
        [
            Self(stored: "ffn_gate", canonical: "mlp.gate_proj", bias: bias),
            Self(stored: "ffn_up", canonical: "mlp.up_proj", bias: bias),
            Self(stored: "ffn_down", canonical: "mlp.down_proj", bias: bias),
        ]
    }

    /// Norms of queries and keys.
    static let headNorms = [
        Self(stored: "attn_q_norm", canonical: "self_attn.q_norm"),
        Self(stored: "attn_k_norm", canonical: "self_attn.k_norm"),
    ]
    /// A norm before each layer, as LLaMA names them.
    static let normsBefore = [
        Self(stored: "attn_norm", canonical: "input_layernorm"),
        Self(stored: "ffn_norm", canonical: "post_attention_layernorm"),
    ]
    /// A norm after each layer.
    static let normsAfter = [
        Self(stored: "post_attention_norm", canonical: "post_attention_layernorm"),
        Self(stored: "post_ffw_norm", canonical: "post_feedforward_layernorm"),
    ]
    /// Norms before and after each layer, as Gemma names them.
    static let normsAround =
        [
            Self(stored: "attn_norm", canonical: "input_layernorm"),
            Self(stored: "ffn_norm", canonical: "pre_feedforward_layernorm"),
        ] + normsAfter
}
