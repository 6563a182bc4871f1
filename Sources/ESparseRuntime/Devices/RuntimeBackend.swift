// What a program asks of the backend that it opened, whichever it is.

package import ESparseCPU
package import ESparseCUDA
package import ESparseCore

/// A backend that models are opened on.
package protocol RuntimeBackend: KernelReporting {
    /// How linears round, as reports name it: "f32", "bf16" or "f16".
    var arithmetic: String { get }
    /// The precision that a pruning run with this backend records.
    var precision: Precision { get }
}

extension CPUBackend: RuntimeBackend {
    /// The precision's name.
    package var arithmetic: String { precision.rawValue }
}

extension CUDABackend: RuntimeBackend {
    /// The 16-bit type's name.
    package var arithmetic: String { type == .bfloat16 ? "bf16" : "f16" }
    /// bfloat16, whichever 16-bit type it is.
    package var precision: Precision { .bfloat16 }
}
