// The kernel files, which are embedded in the program.

import CESparseCUDA

/// A file of kernels; the raw value is its name.
package enum KernelSource: String, Sendable, CaseIterable {
    /// Attention of a few tokens.
    case attentionFew = "attention_few.cu"
    /// Attention of many tokens on tensor cores.
    case attentionTiled = "attention_tiled.cu"
    /// Gains of channel swaps.
    case channelSwaps = "channel_swaps.cu"
    /// N:M matrices as dense ones.
    case decompression = "decompression.cu"
    /// Element-wise work and rows that are looked up.
    case elements = "elements.cu"
    /// Losses from logits that come in tiles.
    case likelihood = "likelihood.cu"
    /// Exchanges of kept and dropped weights.
    case maskRefinement = "mask_refinement.cu"
    /// Norms before a linear.
    case normalization = "normalization.cu"
    /// Rotary positions and the KV cache.
    case positions = "positions.cu"
    /// Saliencies and masks.
    case saliency = "saliency.cu"
    /// Tokens drawn from logits.
    case sampling = "sampling.cu"
    /// Products of 1 to 16 tokens with 2:4 and 4:8 weights.
    case sparseFewTokens = "sparse_few_tokens.cu"
    /// Sums, extremes and histograms of channels.
    case statistics = "statistics.cu"

    /// Its text.
    package var text: String { Self.text(ofFile: rawValue) ?? "" }

    /// What the files include, by name.
    package static let headers: [String: String] = {
        let names = (0...).lazy.map(fileName).prefix { $0 != nil }.compactMap { $0 }
        return Dictionary(
            uniqueKeysWithValues: names.filter { $0.hasSuffix(".cuh") }.map { ($0, text(ofFile: $0) ?? "") })
    }()

    /// The name of an embedded file by its place; nil beyond the last.
    package static func fileName(at index: Int32) -> String? {
        unsafe esparse_cuda_source_name(index).map { unsafe String(cString: $0) }
    }

    private static func text(ofFile name: String) -> String? {
        unsafe esparse_cuda_source(name).map { unsafe String(cString: $0) }
    }
}
