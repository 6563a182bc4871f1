// oneDNN's f32 product of many tokens, on dense weights that are f32 already.

package import ESparseCore

extension KernelName {
    /// oneDNN f32, on weights that are f32 already.
    package static var denseFloat32: KernelName { KernelName("onednn-f32") }
}

/// oneDNN's f32 product, straight on the stored weights.
struct DenseFloat32: OneDNNKernel {
    var name: KernelName { .denseFloat32 }

    var arithmetic: DenseArithmetic { .float32 }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern == nil && traits.columns > 0 && traits.elementType == .float32
    }

    func reads(_ storage: WeightStorage) -> Bool { storage.weights is DenseRows }
}
