// oneDNN's bf16 product of many tokens, on dense weights as they are stored.

package import ESparseCore

extension KernelName {
    /// oneDNN bf16, on stored weights.
    package static var denseBFloat16: KernelName { KernelName("onednn-bf16") }
}

/// oneDNN's bf16 product, straight on the stored weights.
struct DenseBFloat16: OneDNNKernel {
    var name: KernelName { .denseBFloat16 }

    var arithmetic: DenseArithmetic { .bfloat16 }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern == nil && traits.columns > 0 && traits.precision == .bfloat16 && DenseArithmetic.hasBFloat16
    }

    func reads(_ storage: WeightStorage) -> Bool { storage.weights is DenseRows }
}
