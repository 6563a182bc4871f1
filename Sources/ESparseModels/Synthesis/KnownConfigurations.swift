// config.json of known models of the families after LLaMA and OPT, with the settings that bear on shapes and arithmetic.

extension KnownModel {
    /// config.json as its makers published it, without what bears on neither shapes nor arithmetic; nil for models that
    /// `configuration()` puts together itself.
    var publishedText: String? {
        switch self {
        case .mistral7B:
            """
            {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096,
             "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
             "max_position_embeddings": 32768, "sliding_window": 4096, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
             "hidden_act": "silu", "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 2,
             "torch_dtype": "bfloat16"}
            """
        case .qwen25With7B:
            """
            {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584,
             "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
             "max_position_embeddings": 131072, "sliding_window": 131072, "use_sliding_window": false,
             "max_window_layers": 28, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "hidden_act": "silu",
             "tie_word_embeddings": false, "bos_token_id": 151643, "eos_token_id": 151643, "torch_dtype": "bfloat16"}
            """
        case .qwen3With8B:
            """
            {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096,
             "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
             "head_dim": 128, "attention_bias": false, "max_position_embeddings": 40960, "sliding_window": null,
             "use_sliding_window": false, "max_window_layers": 36, "rms_norm_eps": 1e-06, "rope_theta": 1000000,
             "rope_scaling": null, "hidden_act": "silu", "tie_word_embeddings": false, "bos_token_id": 151643,
             "eos_token_id": 151645, "torch_dtype": "bfloat16"}
            """
        case .gemma2With9B:
            """
            {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "vocab_size": 256000, "hidden_size": 3584,
             "intermediate_size": 14336, "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8,
             "head_dim": 256, "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0,
             "final_logit_softcapping": 30.0, "sliding_window": 4096, "max_position_embeddings": 8192,
             "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "hidden_activation": "gelu_pytorch_tanh",
             "attention_bias": false, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 1,
             "torch_dtype": "bfloat16"}
            """
        case .gemma3With1B:
            """
            {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "vocab_size": 262144,
             "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26, "num_attention_heads": 4,
             "num_key_value_heads": 1, "head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 512,
             "sliding_window_pattern": 6, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
             "rope_theta": 1000000, "rope_local_base_freq": 10000, "rope_scaling": null,
             "hidden_activation": "gelu_pytorch_tanh", "attention_bias": false, "tie_word_embeddings": true,
             "bos_token_id": 2, "eos_token_id": 1, "torch_dtype": "bfloat16"}
            """
        case .phi3Mini:
            """
            {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072,
             "intermediate_size": 8192, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
             "max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "sliding_window": 2047,
             "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "rope_scaling": null, "hidden_act": "silu",
             "tie_word_embeddings": false, "bos_token_id": 1, "eos_token_id": 32000, "torch_dtype": "bfloat16"}
            """
        case .olmo2With7B:
            """
            {"architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "vocab_size": 100352, "hidden_size": 4096,
             "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
             "max_position_embeddings": 4096, "rms_norm_eps": 1e-06, "rope_theta": 500000, "rope_scaling": null,
             "hidden_act": "silu", "attention_bias": false, "tie_word_embeddings": false, "eos_token_id": 100257,
             "torch_dtype": "bfloat16"}
            """
        case .llama7B, .llama13B, .llama30B, .llama65B, .llama2With7B, .llama3With8B, .llama32With1B, .tinyLlama,
            .smolLM2, .opt125M, .opt1300M, .opt6700M, .opt13B, .opt30B:
            nil
        }
    }
}
