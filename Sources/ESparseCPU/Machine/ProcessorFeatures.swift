// What the processor can do, as the features that kernels ask for.

internal import CESparseCPU

/// A set of features; C's `processor.h` says which instructions each stands for.
///
/// Features are not ordered: a kernel runs where the processor has all that it asks for.
package struct ProcessorFeatures: OptionSet, Sendable, Hashable {
    /// The bits of C's `processor.h`.
    package let rawValue: UInt32

    /// The features whose bits are set.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    private init(_ bit: Int) { rawValue = UInt32(bit) }

    /// Dot products of bf16 pairs.
    package static let avx512BFloat16 = ProcessorFeatures(esparse_feature_avx512_bf16)
    /// Those dot products do twice the work of single-precision multiply-adds.
    package static let doubleRateBFloat16 = ProcessorFeatures(esparse_feature_double_rate_bf16)
    /// Matrix tiles with bf16.
    package static let amxBFloat16 = ProcessorFeatures(esparse_feature_amx_bf16)

    /// Those of the processor that this process runs on.
    package static let current = ProcessorFeatures(rawValue: esparse_processor_features())
}
