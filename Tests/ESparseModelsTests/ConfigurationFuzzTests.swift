// Mutated config.json files end in an architecture that can be asked anything, or in one of the module's own errors.

import ESparseCore
import ESparseModels
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite struct ConfigurationFuzzTests {
    /// One of every kind of setting.
    private static let seeds = [
        """
        {"model_type": "llama", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 128, "head_dim": 8,
        "rms_norm_eps": 1e-05, "hidden_act": "silu", "tie_word_embeddings": true, "attention_bias": false,
        "mlp_bias": true, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
        "bos_token_id": 1, "eos_token_id": [2, 3], "torch_dtype": "bfloat16"}
        """,
        """
        {"model_type": "mistral", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 8, "max_position_embeddings": 128, "sliding_window": 4096, "eos_token_id": 2,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "linear", "factor": 2.0}, "dtype": "float16"}
        """,
        """
        {"model_type": "opt", "vocab_size": 100, "hidden_size": 64, "ffn_dim": 96, "num_hidden_layers": 3,
        "num_attention_heads": 8, "max_position_embeddings": 128, "word_embed_proj_dim": 32, "enable_bias": true,
        "activation_function": "relu", "do_layer_norm_before": true, "_remove_final_layer_norm": false,
        "layer_norm_elementwise_affine": true, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 2}
        """,
    ]

    @Test func mutatedConfigurationsNeverCrash() {
        let fuzz = Fuzz(seeds: Self.seeds.map { Array($0.utf8) }, stream: 30, iterations: 500)
        let outcome = fuzz.run { bytes in
            let architecture = try ModelArchitecture(configuration: Data(bytes))
            #expect(architecture.parameterCount > 0 && architecture.expectedTensors.count > 3)
            #expect(architecture.blocks.allSatisfy { $0.sites.allSatisfy { $0.channels > 0 } })
            _ = architecture.cacheDescription(sequenceCount: 1, capacity: architecture.contextLength)
            for frequency in architecture.blocks[0].attention.rotaryFrequencies ?? [] {
                #expect(frequency.isFinite && frequency >= 0, "\(String(decoding: bytes, as: UTF8.self))")
            }
        } refused: { error, bytes in
            #expect(error is ModelError, "\(error): \(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }
}
