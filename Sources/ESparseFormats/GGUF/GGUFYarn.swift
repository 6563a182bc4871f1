// What YaRN multiplies cosines and sines by: in config.json the whole factor, in a GGUF file its ratio to llama.cpp's own.

import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// YaRN's attention factor, for reading files and for writing them.
///
/// transformers takes `attention_factor` as it is. llama.cpp multiplies `usual` by `rope.scaling.attn_factor`, whatever else the
/// file says (llama-context.cpp and ggml's rope_yarn); it reads `rope.scaling.yarn_attn_factor` for Grok only.
enum GGUFYarn {
    /// What both take where a model says nothing: 1 + 0.1 ln(factor), and 1 where the context did not grow.
    static func usual(growth: Double) -> Double { 1 + 0.1 * log(max(growth, 1)) }

    /// transformers' factor (modeling_rope_utils.py) of a model whose context grew by `growth`.
    ///
    /// - Parameter settings: the rotary settings of config.json.
    static func attention(of settings: JSONValue?, growth: Double) -> Double {
        if let given = settings?["attention_factor"]?.number { return given }
        guard let above = settings?["mscale"]?.number, let below = settings?["mscale_all_dim"]?.number, above != 0,
            below != 0
        else { return usual(growth: growth) }
        let logarithm = 0.1 * log(max(growth, 1))
        return (1 + above * logarithm) / (1 + below * logarithm)
    }
}
