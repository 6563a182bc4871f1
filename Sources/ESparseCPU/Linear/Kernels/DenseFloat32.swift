// oneDNN's f32 product of many tokens, on dense weights that are f32 already.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN f32, on weights that are f32 already.
    package static var denseFloat32: KernelName { KernelName("onednn-f32") }
}

/// oneDNN's f32 product, straight on the stored weights. oneDNN chooses the order of additions by the number of tokens.
struct DenseFloat32: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .denseFloat32, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: false)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern == nil && traits.columns > 0 && traits.elementType == .float32
    }

    func reads(_ storage: WeightStorage) -> Bool { storage.weights is DenseRows }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? { 0...Int.max }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.densePlan(tokens: tokens, holdsWeights: false)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.singles(input, tokens: tokens, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.storage.withRows(tile.rows) { description in
            guard let weights = unsafe description.pointee.weights else { return }
            unsafe linear.computeDense(
                tile, .float32, prepared: prepared, weights: weights, bias: description.pointee.bias, output: output)
        }
    }
}
