// The GGUF architectures of Qwen's dense models.

extension GGUFArchitecture {
    /// Qwen 2 and 2.5: biases on queries, keys and values in every model.
    static let qwen2 = GGUFArchitecture(
        "qwen2", models: "Qwen 2 and 2.5", modelClass: "Qwen2ForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention(inputs: .always, output: .never)
                + GGUFTensorTable.Module.feedForward() + GGUFTensorTable.Module.normsBefore),
        contextLength: 32_768, epsilon: 1e-6
    ) { _ in ["hidden_act": .text("silu")] }

    /// Qwen 3: norms on the heads of queries and keys.
    static let qwen3 = GGUFArchitecture(
        "qwen3", models: "Qwen 3", modelClass: "Qwen3ForCausalLM",
        tensors: GGUFTensorTable(
            modules: GGUFTensorTable.Module.attention() + GGUFTensorTable.Module.feedForward()
                + GGUFTensorTable.Module.normsBefore + GGUFTensorTable.Module.headNorms),
        contextLength: 32_768, epsilon: 1e-6
    ) { _ in ["hidden_act": .text("silu")] }
}
