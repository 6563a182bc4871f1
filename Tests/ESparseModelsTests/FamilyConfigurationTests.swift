// config.json of the families after LLaMA: transformers' defaults, windows by layer, and a sentence for what is absurd.

import ESparseCore
import ESparseModels
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite struct FamilyConfigurationTests {
    private func architecture(_ type: String, _ settings: String = "") throws -> ModelArchitecture {
        let rest = settings.isEmpty ? "" : ", " + settings
        return try ModelArchitecture(configuration: Data(#"{"model_type": "\#(type)"\#(rest)}"#.utf8))
    }

    private func sentence(_ type: String, _ settings: String) -> String {
        do {
            _ = try architecture(type, settings)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    private func heads(_ architecture: ModelArchitecture) -> [AttentionDescription] {
        architecture.blocks.flatMap { $0.layers.compactMap { ($0.layer as? SelfAttentionDescription)?.heads } }
    }

    private func windows(_ type: String, _ settings: String) throws -> [Int?] {
        heads(try architecture(type, settings)).map(\.window)
    }

    /// What transformers 5.23 takes where config.json says nothing but the type: layers, hidden, inner, heads, key/value heads, head
    /// size, vocabulary, positions, special tokens.
    @Test(
        arguments: [
            ("llama", 32, 4096, 11_008, 32, 32, 128, 32_000, 2048, 1, [2]),
            ("mistral", 32, 4096, 14_336, 32, 8, 128, 32_000, 131_072, 1, [2]),
            ("ministral", 32, 4096, 14_336, 32, 8, 128, 32_000, 131_072, 1, [2]),
            ("qwen2", 32, 4096, 22_016, 32, 32, 128, 151_936, 32_768, nil, []),
            ("qwen3", 32, 4096, 22_016, 32, 32, 128, 151_936, 32_768, nil, []),
            ("gemma2", 26, 2304, 9216, 8, 4, 256, 256_000, 8192, 2, [1]),
            ("gemma3_text", 26, 2304, 9216, 8, 4, 256, 262_208, 131_072, 2, [1]),
            ("phi3", 32, 3072, 8192, 32, 32, 96, 32_064, 4096, 1, [32_000]),
            ("olmo2", 32, 4096, 11_008, 32, 32, 128, 50_304, 2048, nil, [50_279]),
            ("opt", 12, 768, 3072, 12, 12, 64, 50_272, 2048, 2, [2]),
        ] as [(String, Int, Int, Int, Int, Int, Int, Int, Int, Int32?, [Int32])])
    func defaults(
        _ type: String, _ blocks: Int, _ hidden: Int, _ inner: Int, _ headCount: Int, _ keyValueHeads: Int,
        _ headSize: Int, _ vocabulary: Int, _ positions: Int, _ begin: Int32?, _ ends: [Int32]
    ) throws {
        let found = try architecture(type)
        let heads = heads(found)[0]
        #expect([found.blockCount, found.hiddenSize, found.vocabularySize] == [blocks, hidden, vocabulary])
        #expect([heads.headCount, heads.keyValueHeadCount, heads.headSize] == [headCount, keyValueHeads, headSize])
        #expect(found.blocks[0].sites[3].channels == inner && found.contextLength == positions)
        #expect(found.beginToken == begin && found.endTokens == ends)
    }

    @Test func nullIsNotTheDefault() throws {
        #expect(heads(try architecture("mistral", #""num_key_value_heads": null"#))[0].keyValueHeadCount == 32)
        #expect(try windows("mistral", #""sliding_window": null, "num_hidden_layers": 2"#) == [nil, nil])
        #expect(heads(try architecture("gemma2"))[0].softCap == 50)
        #expect(heads(try architecture("gemma2", #""attn_logit_softcapping": null"#))[0].softCap == nil)
        #expect(try architecture("gemma2").head.softCap == 30)
        #expect(try architecture("gemma2", #""final_logit_softcapping": null"#).head.softCap == nil)
        #expect(try architecture("gemma3_text").head.softCap == nil)
        #expect(try architecture("llama", #""bos_token_id": null"#).beginToken == nil)
    }

    @Test func windowsByLayer() throws {
        let four = #""num_hidden_layers": 4, "#
        #expect(try windows("mistral", four + #""hidden_size": 4096"#) == [4096, 4096, 4096, 4096])
        #expect(try windows("llama", four + #""sliding_window": 8"#) == [nil, nil, nil, nil])
        let upper = #""sliding_window": 8, "max_window_layers": 3"#
        #expect(try windows("qwen2", four + upper) == [nil, nil, nil, nil])
        #expect(try windows("qwen3", four + upper + #", "use_sliding_window": true"#) == [nil, nil, nil, 8])
        #expect(try windows("gemma2", four + #""sliding_window": 8"#) == [8, nil, 8, nil])
        #expect(try windows("gemma3_text", #""num_hidden_layers": 7"#) == [4096, 4096, 4096, 4096, 4096, nil, 4096])
        #expect(
            try windows("gemma3_text", four + #""sliding_window_pattern": 3, "sliding_window": 5"#) == [5, 5, nil, 5])
        let types = #""layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]"#
        for type in ["mistral", "ministral", "gemma2", "gemma3_text"] {
            #expect(try windows(type, four + types + #", "sliding_window": 9"#) == [nil, 9, nil, 9])
        }
        // transformers' AutoConfig takes the first for the second, and null for the default.
        for type in ["mistral", "ministral"] {
            #expect(try windows(type, four + #""layer_types": null, "sliding_window": 9"#) == [9, 9, 9, 9])
        }
        #expect(try windows("phi3", four + #""sliding_window": 2047"#) == [2047, 2047, 2047, 2047])
        #expect(try windows("phi3", four + #""hidden_size": 3072"#) == [nil, nil, nil, nil])
    }

    /// Gemma 3: base and scaling of layers without a window, base of those with one, both ways of writing it; its scale of scores.
    @Test func rotaryPositionsByKindOfLayer() throws {
        let shape =
            #""num_hidden_layers": 2, "sliding_window_pattern": 2, "head_dim": 4, "query_pre_attn_scalar": 16, "#
        let old =
            #""rope_theta": 10000, "rope_local_base_freq": 100, "rope_scaling": {"rope_type": "linear", "factor": 8}"#
        let new =
            #""rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8, "rope_theta": 10000}, "#
            + #""sliding_attention": {"rope_type": "default", "rope_theta": 100}}"#
        for text in [old, new] {
            let heads = heads(try architecture("gemma3_text", shape + text))
            #expect(heads.map(\.rotaryFrequencies) == [[1, 0.1], [0.125, 0.00125]])
            #expect(heads.map(\.scale) == [0.25, 0.25])
        }
        let usual = heads(try architecture("gemma3_text", shape + #""hidden_size": 64"#))
        #expect(usual.map { $0.rotaryFrequencies?[1] } == [0.01, 0.001])
    }

    /// `original_max_position_embeddings` beside the rotary settings goes before the one in them, but not before Gemma 3's by kind of layer.
    /// Few positions divide all frequencies of Llama 3's by 8, many none.
    @Test func firstTrainedPositionsOutsideTheRotarySettings() throws {
        let shape =
            #""num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 2, "#
            + #""head_dim": 8, "rope_theta": 16, "max_position_embeddings": 16384, "sliding_window_pattern": 1, "#
        let (outer, inner) = (#""original_max_position_embeddings": 4"#, #""original_max_position_embeddings": 8192"#)
        let llama3 = #""rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4"#
        let plain: [Float] = [1, 0.5, 0.25, 0.125]
        func rotary(_ type: String, _ settings: String) throws -> AttentionDescription {
            heads(try architecture(type, shape + settings))[0]
        }
        for type in ["llama", "mistral", "qwen2", "qwen3", "gemma2", "olmo2"] {
            let inside = #""rope_scaling": {\#(llama3), \#(inner)}"#
            #expect(try rotary(type, inside).rotaryFrequencies == plain)
            #expect(try rotary(type, outer + ", " + inside).rotaryFrequencies == plain.map { $0 / 8 })
            let outside = #"\#(outer), "rope_parameters": {\#(llama3)}"#
            #expect(try rotary(type, outside).rotaryFrequencies == plain.map { $0 / 8 })
        }
        let full = #""rope_parameters": {"full_attention": {\#(llama3), "rope_theta": 16, \#(inner)}}"#
        #expect(try rotary("gemma3_text", outer + ", " + full).rotaryFrequencies == plain)

        // Of 4 positions only the first pair keeps its frequency, of 8192 all.
        let yarn = #""rope_scaling": {"rope_type": "yarn", "factor": 2, \#(inner)}"#
        #expect(try rotary("llama", yarn).rotaryFrequencies == plain)
        #expect(try rotary("llama", outer + ", " + yarn).rotaryFrequencies == [1, 0.25, 0.125, 0.0625])
        let factors = #""short_factor": [1, 1, 1, 1], "long_factor": [2, 2, 2, 2]"#
        let long = try rotary("llama", #"\#(outer), "rope_scaling": {"rope_type": "longrope", \#(factors), \#(inner)}"#)
        #expect(long.longRotary == LongRotary(frequencies: plain.map { $0 / 2 }, afterPositions: 4))
        // sqrt(1 + ln(16384 / 4) / ln 4)
        #expect(abs(long.rotaryScale - Float(7).squareRoot()) < 1e-6)
    }

    @Test func longRopeOfPhi() throws {
        let shape = #""hidden_size": 16, "num_attention_heads": 2, "rope_theta": 16, "max_position_embeddings": 4096, "#
        let factors = #""short_factor": [1, 2], "long_factor": [4, 8]"#
        // Half of the 8 channels turn: frequencies 1 and 1/4.
        let found = heads(
            try architecture(
                "phi3",
                shape + #""partial_rotary_factor": 0.5, "original_max_position_embeddings": 64, "#
                    + #""rope_scaling": {"type": "su", \#(factors)}"#))[0]
        #expect(found.rotaryFrequencies == [1, 0.125])
        #expect(found.longRotary == LongRotary(frequencies: [0.25, 0.03125], afterPositions: 64))
        // sqrt(1 + ln 64 / ln 64)
        #expect(abs(found.rotaryScale - Float(2).squareRoot()) < 1e-6)
    }

    @Test(
        arguments: [
            ("qwen3", #""head_dim": 7"#, #""head_dim" is 7, but it must be even"#),
            (
                "qwen2", #""layer_types": ["full_attention"]"#,
                #""layer_types" is a list of 1, but it must be a list of"#
            ),
            (
                "qwen2", #""num_hidden_layers": 1, "layer_types": ["sliding_attention"]"#,
                #""sliding_window" is not given, but it must be a number of tokens"#
            ),
            (
                "ministral", #""num_hidden_layers": 1, "layer_types": ["chunked_attention"]"#,
                #""layer_types" is "chunked_attention", which is not supported"#
            ),
            ("mistral", #""sliding_window": 0"#, #""sliding_window" is 0, but it must be between 1 and"#),
            ("gemma2", #""sliding_window": null"#, #""sliding_window" is null, but it must be a number of tokens"#),
            ("gemma2", #""attn_logit_softcapping": 0"#, #""attn_logit_softcapping" is 0.0, but it must be a finite"#),
            ("gemma2", #""final_logit_softcapping": -1"#, #""final_logit_softcapping" is -1.0, but it must be"#),
            ("gemma3_text", #""query_pre_attn_scalar": 0"#, #""query_pre_attn_scalar" is 0.0, but it must be"#),
            (
                "gemma3_text", #""use_bidirectional_attention": true"#,
                #""use_bidirectional_attention" is true, which is not supported"#
            ),
            ("gemma3_text", #""sliding_window_pattern": 0"#, #""sliding_window_pattern" is 0, but it must be"#),
            ("phi3", #""partial_rotary_factor": 0"#, #""partial_rotary_factor" is 0.0, but it must be above 0"#),
            ("phi3", #""rope_scaling": {"type": "linear", "factor": 2}"#, #""rope_scaling.rope_type" is "linear""#),
            ("phi3", #""rope_scaling": {"type": "longrope"}"#, #"has no "rope_scaling.short_factor""#),
            (
                "phi3", #""rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]}"#,
                #""rope_scaling.short_factor" is a list of 1, but it must be a list of 48"#
            ),
            (
                "llama", #""rope_scaling": {"type": "yarn", "factor": 0}"#,
                #""rope_scaling.factor" is 0.0, but it must be a finite number, at least 0.001"#
            ),
            (
                "llama", #""original_max_position_embeddings": 0, "rope_scaling": {"type": "yarn", "factor": 4}"#,
                #""original_max_position_embeddings" is 0, but it must be at least 1"#
            ),
            (
                "llama", #""rope_theta": 1, "rope_scaling": {"type": "yarn", "factor": 4}"#,
                #""rope_theta" is 1.0, but it must be a finite number, at least 1.001"#
            ),
        ] as [(String, String, String)])
    func absurdSettings(_ type: String, _ settings: String, _ expected: String) {
        let found = sentence(type, settings)
        #expect(found.hasPrefix("config.json") && found.contains(expected), "\(found)")
    }

    @Test(arguments: [("mixtral", ""), ("qwen3_moe", ""), ("phimoe", ""), ("deepseek_v3", #""n_routed_experts": 256"#)])
    func mixturesAreRefusedByName(_ type: String, _ settings: String) {
        #expect(
            sentence(type, settings)
                == #"models of type "\#(type)" are mixtures of experts, which are not supported; take a dense model"#)
    }
}
