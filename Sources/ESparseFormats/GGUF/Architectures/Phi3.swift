// The GGUF architecture phi3.

extension GGUFArchitecture {
    /// Phi-3, 3.5 and Phi-4 mini: query, key and value in one matrix, gate and up in another, as Hugging Face stores them. Phi-4
    /// mini turns three quarters of each head's channels.
    static let phi3 = GGUFArchitecture(
        "phi3", models: "Phi-3, 3.5 and Phi-4 mini", modelClass: "Phi3ForCausalLM",
        tensors: GGUFTensorTable(
            modules: [
                GGUFTensorTable.Module(stored: "attn_qkv", canonical: "self_attn.qkv_proj"),
                GGUFTensorTable.Module(stored: "attn_output", canonical: "self_attn.o_proj"),
                GGUFTensorTable.Module(stored: "ffn_up", canonical: "mlp.gate_up_proj"),
                GGUFTensorTable.Module(stored: "ffn_down", canonical: "mlp.down_proj"),
            ] + GGUFTensorTable.Module.normsBefore),
        contextLength: 4096, epsilon: 1e-5,
        settings: [
            GGUFSetting(
                "original_max_position_embeddings", "rope.scaling.original_context_length", .count,
                else: .setting("max_position_embeddings")),
            GGUFSetting("sliding_window", "attention.sliding_window", .count),
        ],
        mayTurnPartOfHeads: true
    ) { _ in ["hidden_act": .text("silu")] }
}
