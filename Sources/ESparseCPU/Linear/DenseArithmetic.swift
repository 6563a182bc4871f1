// In which data type oneDNN multiplies under bf16: chosen once from the kind of processor.

/// Which data type dense products of many tokens run in under `Precision.bfloat16`.
///
/// Both mean the same: inputs rounded to bf16, exact products, sums in single precision. They differ in speed and in the order
/// of additions.
package enum DenseArithmetic: String, Sendable, CaseIterable {
    /// bf16 values widened to single precision, and single-precision FMA.
    case float32
    /// The processor's bf16 dot products or tiles.
    case bfloat16

    /// Bytes of a factor.
    var byteCount: Int {
        switch self {
        case .float32: 4
        case .bfloat16: 2
        }
    }

    /// The faster one, by kind of processor and not by timing, so that every run gives the same bits.
    ///
    /// | processor | `vdpbf16ps` against f32 FMA | choice |
    /// |---|---|---|
    /// | Intel with AMX | tiles: many times | bf16 |
    /// | Intel without (or hidden) AMX | half the rate | f32 |
    /// | AMD with AVX-512 BF16 (Zen 4, 5) | twice the rate | bf16 |
    /// | anything else | missing | f32 |
    package static let preferred: DenseArithmetic =
        ProcessorFeatures.current.isDisjoint(with: [.amxBFloat16, .doubleRateBFloat16]) ? .float32 : .bfloat16

    /// Whether the processor has instructions for products of bf16.
    static let hasBFloat16 = ProcessorFeatures.current.contains(.avx512BFloat16)
}
