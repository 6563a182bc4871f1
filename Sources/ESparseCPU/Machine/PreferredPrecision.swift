// The precision that suits this processor.

public import ESparseCore

extension Precision {
    /// bfloat16 where the processor has instructions for it, single precision elsewhere.
    public static var preferred: Precision {
        ProcessorFeatures.current.contains(.avx512BFloat16) ? .bfloat16 : .float32
    }
}
