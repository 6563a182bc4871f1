// oneDNN's bf16 product of many tokens, on dense weights as they are stored.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN bf16, on stored weights.
    package static var denseBFloat16: KernelName { KernelName("onednn-bf16") }
}

/// oneDNN's bf16 product, straight on the stored weights. oneDNN chooses the order of additions by the number of tokens.
struct DenseBFloat16: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .denseBFloat16, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: false)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern == nil && traits.columns > 0 && traits.precision == .bfloat16 && DenseArithmetic.hasBFloat16
    }

    func reads(_ storage: WeightStorage) -> Bool { storage.weights is DenseRows }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? {
        arithmetic == .bfloat16 ? 0...Int.max : nil
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.densePlan(tokens: tokens, holdsWeights: false)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.narrowed(input, tokens: tokens, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.storage.withRows(tile.rows) { description in
            guard let weights = unsafe description.pointee.weights else { return }
            unsafe linear.computeDense(
                tile, .bfloat16, prepared: prepared, weights: weights, bias: description.pointee.bias, output: output)
        }
    }
}
