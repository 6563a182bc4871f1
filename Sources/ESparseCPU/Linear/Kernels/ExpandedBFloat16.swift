// oneDNN's bf16 product of many tokens, on tiles of sparse weights expanded in scratch.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN bf16, on tiles of sparse weights expanded in scratch.
    package static var expandedBFloat16: KernelName { KernelName("expand+onednn-bf16") }
}

/// oneDNN's bf16 product for sparse weights.
struct ExpandedBFloat16: OneDNNKernel {
    var name: KernelName { .expandedBFloat16 }

    var arithmetic: DenseArithmetic { .bfloat16 }

    var writeOut: RowWriter? {
        { rows, functions, memory in unsafe functions.expand(rows, memory.assumingMemoryBound(to: UInt16.self)) }
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern != nil && traits.columns > 0 && traits.precision == .bfloat16 && DenseArithmetic.hasBFloat16
    }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.expand != nil }
}
