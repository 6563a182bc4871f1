// Mutated config.json files give an architecture whose every property works, or one of the module's own errors.

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
        {"model_type": "qwen3", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 16, "attention_bias": true,
        "use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1, "max_position_embeddings": 128,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 20,
        "beta_slow": 2, "mscale": 1.2, "mscale_all_dim": 0.7, "truncate": false, "attention_factor": null}}
        """,
        """
        {"model_type": "gemma2", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 8, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"], "rms_norm_eps": 1e-06}
        """,
        """
        {"model_type": "gemma3_text", "vocab_size": 100, "hidden_size": 64, "num_hidden_layers": 4, "head_dim": 8,
        "sliding_window": 16, "sliding_window_pattern": 2, "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0,
        "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}, "use_bidirectional_attention": false}
        """,
        """
        {"model_type": "phi3", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 128, "sliding_window": 31,
        "original_max_position_embeddings": 64, "partial_rotary_factor": 0.5, "rope_scaling": {"type": "longrope",
        "short_factor": [1.0, 1.5], "long_factor": [2.0, 9.5]}}
        """,
        """
        {"model_type": "olmo2", "vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 8, "max_position_embeddings": 128, "attention_bias": false, "rope_theta": 500000}
        """,
        """
        {"model_type": "opt", "vocab_size": 100, "hidden_size": 64, "ffn_dim": 96, "num_hidden_layers": 3,
        "num_attention_heads": 8, "max_position_embeddings": 128, "word_embed_proj_dim": 32, "enable_bias": true,
        "activation_function": "relu", "do_layer_norm_before": true, "_remove_final_layer_norm": false,
        "layer_norm_elementwise_affine": true, "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 2}
        """,
    ]

    /// Values that some setting must refuse.
    private static let values = [
        "-1", "0", "1", "2", "3", "7", "64", "4096", "65536", "4194304", "16777216", "268435456", "9223372036854775807",
        "-9223372036854775808", "18446744073709551616", "0.5", "1e-320", "1e-9", "1e9", "1e38", "1e39", "1e308", "null",
        "true", "false", "\"\"", "\"linear\"", "\"llama3\"", "\"gelu\"", "[]", "[-1, 5000000000]", "{}",
        "{\"rope_type\": \"linear\", \"factor\": 1e38}", "[1e-3]", "[1e38, 1e39]", "[\"full_attention\"]", "\"yarn\"",
        "{\"rope_type\": \"yarn\", \"factor\": 1e38, \"beta_fast\": 1e-3, \"beta_slow\": 1e38}",
        "{\"rope_type\": \"yarn\", \"factor\": 1e-3, \"mscale\": 1e38, \"mscale_all_dim\": 1e-30}",
        "{\"rope_type\": \"yarn\", \"original_max_position_embeddings\": 1}",
        "{\"rope_type\": \"longrope\", \"short_factor\": [1e38, 1], \"long_factor\": [1, 1e-3]}",
        "{\"rope_type\": \"llama3\", \"factor\": 1e-3, \"low_freq_factor\": 1e-30, \"high_freq_factor\": 1e38, "
            + "\"original_max_position_embeddings\": 268435456}",
    ]

    /// Every property of an accepted configuration works.
    private func read(_ bytes: [UInt8]) throws {
        let architecture = try ModelArchitecture(configuration: Data(bytes))
        #expect(architecture.parameterCount > 0 && architecture.expectedTensors.count > 3)
        #expect(architecture.blocks[0].sites.allSatisfy { $0.channels > 0 })
        _ = architecture.cacheDescription(sequenceCount: 1, capacity: architecture.contextLength)
        let heads = architecture.blocks[0].layers.compactMap { ($0.layer as? SelfAttentionDescription)?.heads }[0]
        for frequency in (heads.rotaryFrequencies ?? []) + (heads.longRotary?.frequencies ?? []) {
            #expect(frequency.isFinite && frequency >= 0, "\(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(heads.scale.isFinite && heads.rotaryScale.isFinite && heads.rotaryScale >= 0)
    }

    private func check(_ error: any Error, _ bytes: [UInt8]) {
        #expect(error is ModelError, "\(error): \(String(decoding: bytes, as: UTF8.self))")
    }

    @Test func mutatedTextsNeverCrash() {
        let fuzz = Fuzz(seeds: Self.seeds.map { Array($0.utf8) }, stream: 30, iterations: 500)
        let outcome = fuzz.run(read, refused: check)
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    /// One to three settings of sound JSON replaced by others.
    @Test func mutatedValuesNeverCrash() throws {
        let iterations = Fuzz(seeds: [], stream: 31, iterations: 500).iterations
        var random = SeededRandom(seed: 20_231_015, stream: 31)
        var accepted = 0
        for iteration in 0..<iterations {
            var text = Self.seeds[iteration % Self.seeds.count]
            for _ in 0...random.integer(below: 3) {
                let colons = text.indices.filter { text[$0] == ":" }
                let start = text.index(after: colons[random.integer(below: colons.count)])
                let end = text[start...].firstIndex { ",}".contains($0) } ?? text.endIndex
                guard !text[start..<end].contains(where: { "{[".contains($0) }) else { continue }
                text.replaceSubrange(start..<end, with: " " + Self.values[random.integer(below: Self.values.count)])
            }
            do {
                try read(Array(text.utf8))
                accepted += 1
            } catch {
                check(error, Array(text.utf8))
            }
        }
        print("fuzz stream 31: \(iterations) inputs, \(accepted) accepted")
        #expect(accepted > 0 && accepted < iterations)
    }
}
