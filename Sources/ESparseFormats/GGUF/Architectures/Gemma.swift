// The GGUF architectures of Gemma 2 and 3 (of multimodal models the file holds the text part only).

extension GGUFArchitecture {
    /// Gemma 2: norms around each layer, soft caps, every other block with a window.
    static let gemma2 = GGUFArchitecture(
        "gemma2", models: "Gemma 2", modelClass: "Gemma2ForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention() + GGUFTensorTable.Module.feedForward()
                + GGUFTensorTable.Module.normsAround,
            normalizationOffset: 1),
        contextLength: 8192, epsilon: 1e-6,
        settings: [
            GGUFSetting("attn_logit_softcapping", "attn_logit_softcapping", .number, else: .number(50)),
            GGUFSetting("final_logit_softcapping", "final_logit_softcapping", .number, else: .number(30)),
            GGUFSetting("sliding_window", "attention.sliding_window", .count, else: .integer(4096)),
        ],
        windowPeriod: 2
    ) { shape in gemma(shape, largestBlockCount: 46) }

    /// Gemma 3: as Gemma 2 with norms on heads, without soft caps, five blocks in six with a window and rotary frequencies of
    /// their own.
    static let gemma3 = GGUFArchitecture(
        "gemma3", models: "Gemma 3", modelType: "gemma3_text", modelClass: "Gemma3ForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention() + GGUFTensorTable.Module.feedForward()
                + GGUFTensorTable.Module.normsAround + GGUFTensorTable.Module.headNorms,
            normalizationOffset: 1),
        contextLength: 131_072, epsilon: 1e-6, rotaryBase: 1_000_000,
        settings: [
            GGUFSetting("rope_local_base_freq", "rope.freq_base_swa", .number, else: .number(10_000)),
            GGUFSetting("final_logit_softcapping", "final_logit_softcapping", .optionalNumber),
            GGUFSetting("sliding_window", "attention.sliding_window", .count),
        ],
        windowPeriod: 6
    ) { shape in gemma(shape, largestBlockCount: 62) }

    /// Scores are divided by the root of the head size; in the largest model of each family, of the hidden channels a head.
    /// llama.cpp tells that model by its number of blocks.
    private static func gemma(_ shape: GGUFShape, largestBlockCount: Int) -> [String: JSONValue] {
        let isLargest = shape.blockCount == largestBlockCount
        return [
            "hidden_activation": .text("gelu_pytorch_tanh"),
            "query_pre_attn_scalar": .integer(isLargest ? shape.hiddenSize / shape.headCount : shape.headSize),
        ]
    }
}
