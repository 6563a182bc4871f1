// What YaRN multiplies cosines and sines by, for models and for GGUF files, which hold its ratio to the usual factor.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// YaRN's attention factor.
package enum YarnAttention {
    /// What a model that says nothing has: 1 + 0.1 ln(growth), and 1 where the context did not grow.
    ///
    /// llama.cpp multiplies this by the file's `rope.scaling.attn_factor`, whatever else the file says (llama-context.cpp and ggml's
    /// rope_yarn); it reads `rope.scaling.yarn_attn_factor` for Grok only.
    package static func usual(growth: Double) -> Double { factor(multiplier: 1, growth: growth) }

    /// The factor of a model whose context grew by `growth`, as transformers' modeling_rope_utils.py has it.
    ///
    /// - Parameters:
    ///   - multiplier: `mscale` of config.json; 0 stands for nothing said.
    ///   - divisor: `mscale_all_dim`; 0 stands for nothing said.
    ///   - growth: how many times longer the context is than that of the first training.
    package static func factor(multiplier: Double?, divisor: Double?, growth: Double) -> Double {
        guard let multiplier, let divisor, multiplier != 0, divisor != 0 else { return usual(growth: growth) }
        return factor(multiplier: multiplier, growth: growth) / factor(multiplier: divisor, growth: growth)
    }

    private static func factor(multiplier: Double, growth: Double) -> Double {
        0.1 * multiplier * log(max(growth, 1)) + 1
    }
}
