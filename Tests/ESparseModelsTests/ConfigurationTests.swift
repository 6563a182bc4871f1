// config.json: both ways of writing it, and one clear sentence for everything that is missing, absurd or unsupported.

import ESparseCore
import ESparseModels
import ESparseTestSupport
import FoundationEssentials
import Testing

/// A config.json as key and JSON value.
private struct Configuration {
    var settings: [String: String]

    static let llama = Configuration(settings: [
        "model_type": #""llama""#, "vocab_size": "100", "hidden_size": "64", "intermediate_size": "96",
        "num_hidden_layers": "3", "num_attention_heads": "8", "num_key_value_heads": "2",
        "max_position_embeddings": "128",
    ])
    static let opt = Configuration(settings: [
        "model_type": #""opt""#, "vocab_size": "100", "hidden_size": "64", "ffn_dim": "96", "num_hidden_layers": "3",
        "num_attention_heads": "8", "max_position_embeddings": "128",
    ])

    /// The settings with some changed; nil takes one away.
    func with(_ changes: [String: String?]) -> Data {
        var settings = settings
        for (key, value) in changes { settings[key] = value }
        let fields = settings.map { "\"\($0.key)\": \($0.value)" }.sorted()
        return Data("{\(fields.joined(separator: ", "))}".utf8)
    }
}

@Suite struct ConfigurationTests {
    private func sentence(_ data: Data) -> String {
        do {
            _ = try ModelArchitecture(configuration: data)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test(
        arguments: [
            ("model_type", nil, #"config.json has no "model_type", which this model family needs"#),
            ("hidden_size", "0", #"config.json: "hidden_size" is 0, but it must be between 1 and 4194304"#),
            ("vocab_size", "-5", #"config.json: "vocab_size" is -5, but it must be between 1 and 16777216"#),
            (
                "num_hidden_layers", "9223372036854775807",
                #"config.json: "num_hidden_layers" is 9223372036854775807, but it must be between 1 and 4096"#
            ),
            (
                "hidden_size", #""64""#,
                #"config.json: "hidden_size" is of another type, but it must be an integer"#
            ),
            (
                "num_attention_heads", "7",
                #"config.json: "num_attention_heads" is 7, but it must be a multiple of "num_key_value_heads" (2)"#
            ),
            (
                "hidden_size", "68",
                #"config.json: "hidden_size" is 68, but it must be a multiple of "num_attention_heads" (8)"#
            ),
            (
                "head_dim", "7",
                #"config.json: "head_dim" is 7, but it must be even, because rotary positions turn channel pairs"#
            ),
            ("rms_norm_eps", "-1", #"config.json: "rms_norm_eps" is -1.0, but it must be at least 0 and below 1"#),
            (
                "hidden_act", #""quick_gelu""#,
                #"config.json: "hidden_act" is "quick_gelu", which is not supported; "#
                    + "supported: silu, swish, relu, gelu, gelu_new, gelu_pytorch_tanh"
            ),
            (
                "rope_scaling", #"{"type": "dynamic", "factor": 4}"#,
                #"config.json: "rope_scaling.rope_type" is "dynamic", which is not supported; "#
                    + "supported: default, linear, llama3, yarn, longrope"
            ),
            (
                "rope_parameters", #"{"rope_type": "linear"}"#,
                #"config.json has no "rope_parameters.factor", which this model family needs"#
            ),
            (
                "rope_parameters", #"{"rope_type": "linear", "factor": 0}"#,
                #"config.json: "rope_parameters.factor" is 0.0, but it must be a finite number, at least 0.001"#
            ),
            (
                "rope_theta", "-10",
                #"config.json: "rope_theta" is -10.0, but it must be a finite number, at least 1.0"#
            ),
            (
                "partial_rotary_factor", "0.5",
                #"config.json: "partial_rotary_factor" is 0.5, which is not supported; supported: 1"#
            ),
            (
                "rope_scaling", #"{"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}"#,
                #"config.json: "rope_scaling.high_freq_factor" is 4.0, but it must be above low_freq_factor (4.0)"#
            ),
            (
                "model_type", #""gpt2""#,
                #"models of type "gpt2" are not supported; supported model types: llama, mistral, ministral, qwen2, "#
                    + "qwen3, gemma2, gemma3_text, phi3, olmo2, opt"
            ),
        ] as [(String, String?, String)])
    func absurdLlamaSettings(_ key: String, _ value: String?, _ expected: String) {
        #expect(sentence(Configuration.llama.with([key: value])) == expected)
    }

    @Test(
        arguments: [
            (
                "word_embed_proj_dim", "-1",
                #"config.json: "word_embed_proj_dim" is -1, but it must be between 1 and 4194304"#
            ),
            (
                "num_attention_heads", "5",
                #"config.json: "hidden_size" is 64, but it must be a multiple of "num_attention_heads" (5)"#
            ),
            (
                "do_layer_norm_before", "1",
                #"config.json: "do_layer_norm_before" is of another type, but it must be true or false"#
            ),
        ] as [(String, String?, String)])
    func absurdOPTSettings(_ key: String, _ value: String?, _ expected: String) {
        #expect(sentence(Configuration.opt.with([key: value])) == expected)
    }

    @Test(arguments: ["", "[]", "3", "{", "null", "\u{0}", #"{"model_type": "llama""#])
    func whatIsNotSettings(_ text: String) {
        #expect(sentence(Data(text.utf8)).hasPrefix("config.json cannot be read as JSON settings"))
    }

    /// Deep nesting and huge numbers must not crash the decoder.
    @Test func hostileJSON() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(sentence(Data(#"{"model_type": "llama", "x": \#(deep)"#.utf8)) != "accepted")
        #expect(sentence(Configuration.llama.with(["hidden_size": "1e400"])) != "accepted")
        #expect(sentence(Configuration.llama.with(["hidden_size": "1e30"])) != "accepted")
        #expect(sentence(Configuration.llama.with(["rope_theta": "1e39"])) != "accepted")
    }

    /// Learned positions end; rotary ones do not.
    @Test func onlyLearnedPositionsEnd() throws {
        func limit(_ configuration: Configuration) throws -> Int? {
            try ModelArchitecture(configuration: configuration.with([:])).positionLimit
        }
        #expect(try limit(.llama) == nil)
        #expect(try limit(.opt) == 128)
    }

    @Test func bothSpellingsOfRotarySettings() throws {
        func frequencies(_ changes: [String: String?]) throws -> [Float] {
            let architecture = try ModelArchitecture(configuration: Configuration.llama.with(changes))
            return try #require(architecture.rotaryFrequencies)
        }
        let plain = try frequencies(["rope_theta": "16"])
        // base 16, head size 8: 16^0, 16^-1/4, 16^-1/2, 16^-3/4
        #expect(plain == [1, 0.5, 0.25, 0.125])
        #expect(try frequencies(["rope_parameters": #"{"rope_theta": 16, "rope_type": "default"}"#]) == plain)
        let halved = plain.map { $0 / 2 }
        #expect(try frequencies(["rope_theta": "16", "rope_scaling": #"{"type": "linear", "factor": 2}"#]) == halved)
        let both = [
            "rope_parameters": #"{"rope_theta": 16, "rope_type": "linear", "factor": 2.0}"#, "rope_scaling": "null",
        ]
        #expect(try frequencies(both) == halved)
    }

    @Test func specialTokensAndElementType() throws {
        let data = Configuration.llama.with([
            "bos_token_id": "1", "eos_token_id": "[2, 99, 100, -1]", "dtype": #""bfloat16""#,
        ])
        let architecture = try ModelArchitecture(configuration: data)
        #expect(architecture.beginToken == 1)
        #expect(architecture.endTokens == [2, 99])
        #expect(architecture.elementType == .bfloat16)
        let old = try ModelArchitecture(
            configuration: Configuration.opt.with(["eos_token_id": "2", "torch_dtype": #""float16""#]))
        #expect(old.beginToken == 2)
        #expect(old.endTokens == [2])
        #expect(old.elementType == .float16)
    }
}
