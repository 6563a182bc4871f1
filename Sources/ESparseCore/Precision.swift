// The two precisions in which linears run on a processor.

/// How a linear rounds; sums are single precision in both.
public enum Precision: String, Sendable, CaseIterable {
    /// Weights and inputs as they are, widened to single precision.
    case float32 = "f32"
    /// Weights and inputs rounded to bfloat16 (nearest, ties to even); products are exact and added in single precision.
    case bfloat16 = "bf16"
}
