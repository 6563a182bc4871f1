// What a program asks of the backend that it opened, whichever it is.

package import ESparseCPU
package import ESparseCUDA
package import ESparseCore

/// A backend that models are opened on.
package protocol RuntimeBackend: KernelReporting {
    /// How linears round, as reports name it: "f32", "bf16" or "f16".
    var arithmetic: String { get }
    /// The device, and the instructions that run there: results of two that differ may differ in the last bits.
    var deviceName: String { get }
    /// The precision that a pruning run with this backend records.
    var precision: Precision { get }
}

extension CPUBackend: RuntimeBackend {
    /// The precision's name.
    package var arithmetic: String { precision.rawValue }
    /// The processor and the instruction set of its kernels.
    package var deviceName: String { "\(Processor.name), \(instructionSet.rawValue)" }
}

extension CUDABackend: RuntimeBackend {
    /// The 16-bit type's name.
    package var arithmetic: String { type == .bfloat16 ? "bf16" : "f16" }
    /// The GPU.
    package var deviceName: String { device.properties.name }
    /// bfloat16, whichever 16-bit type it is.
    package var precision: Precision { .bfloat16 }
}
