// oneDNN's f32 product of many tokens, on tiles of weights widened (and expanded, where sparse) in scratch.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN f32, on tiles of weights widened (and expanded, where sparse) in scratch.
    package static var widenedFloat32: KernelName { KernelName("widen+onednn-f32") }
}

/// oneDNN's f32 product for weights of any other kind.
struct WidenedFloat32: OneDNNKernel {
    var name: KernelName { .widenedFloat32 }

    var arithmetic: DenseArithmetic { .float32 }

    var writeOut: RowWriter? {
        { rows, functions, memory in unsafe functions.widen(rows, memory.assumingMemoryBound(to: Float.self)) }
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.columns > 0 && (traits.pattern != nil || traits.elementType != .float32)
    }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.widen != nil }
}
