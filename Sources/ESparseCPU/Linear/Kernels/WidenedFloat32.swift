// oneDNN's f32 product of many tokens, on tiles of weights widened (and expanded, where sparse) in scratch.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN f32, on tiles of weights widened (and expanded, where sparse) in scratch.
    package static var widenedFloat32: KernelName { KernelName("widen+onednn-f32") }
}

/// oneDNN's f32 product for weights of any other kind. oneDNN chooses the order of additions by the number of tokens.
struct WidenedFloat32: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .widenedFloat32, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: false)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.columns > 0 && (traits.pattern != nil || traits.elementType != .float32)
    }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.widen != nil }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? { 0...Int.max }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.densePlan(tokens: tokens, holdsWeights: true)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.singles(input, tokens: tokens, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.storage.withRows(tile.rows) { description in
            let weights = unsafe ScratchSlot.weights.memory(byteCount: tile.rows.count * linear.columns * 4)
            unsafe linear.storage.functions.widen(description, weights.assumingMemoryBound(to: Float.self))
            unsafe linear.computeDense(
                tile, .float32, prepared: prepared, weights: UnsafeRawPointer(weights),
                bias: description.pointee.bias, output: output)
        }
    }
}
