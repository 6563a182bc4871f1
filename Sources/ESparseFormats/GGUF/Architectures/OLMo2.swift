// The GGUF architecture olmo2.

extension GGUFArchitecture {
    /// OLMo 2: norms after each layer, and over whole queries and keys.
    static let olmo2 = GGUFArchitecture(
        "olmo2", models: "OLMo 2", modelClass: "Olmo2ForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention() + GGUFTensorTable.Module.feedForward()
                + GGUFTensorTable.Module.normsAfter + GGUFTensorTable.Module.headNorms,
            needsHead: true),
        contextLength: 2048, epsilon: 1e-5, foreign: ["attention.sliding_window": "OLMo 3"]
    ) { _ in ["hidden_act": .text("silu")] }
}
