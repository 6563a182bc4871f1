// The GGUF architecture llama.

extension GGUFArchitecture {
    /// LLaMA 1 to 3 and what shares their layers. The converter turns rotary pairs into neighbouring rows.
    static let llama = GGUFArchitecture(
        "llama", models: "LLaMA, Mistral, SmolLM2, TinyLlama", modelClass: "LlamaForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention() + GGUFTensorTable.Module.feedForward(bias: .setting("mlp_bias"))
                + GGUFTensorTable.Module.normsBefore,
            hasNeighbouringPairs: true),
        contextLength: 2048, epsilon: 1e-5
    ) { _ in ["hidden_act": .text("silu")] }
}
