// oneDNN's bf16 product of many tokens, on tiles of sparse weights expanded in scratch.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// oneDNN bf16, on tiles of sparse weights expanded in scratch.
    package static var expandedBFloat16: KernelName { KernelName("expand+onednn-bf16") }
}

/// oneDNN's bf16 product for sparse weights. oneDNN chooses the order of additions by the number of tokens.
struct ExpandedBFloat16: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .expandedBFloat16, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: false)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern != nil && traits.columns > 0 && traits.precision == .bfloat16 && DenseArithmetic.hasBFloat16
    }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.expand != nil }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? {
        arithmetic == .bfloat16 ? 0...Int.max : nil
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.densePlan(tokens: tokens, holdsWeights: true)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.narrowed(input, tokens: tokens, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.storage.withRows(tile.rows) { description in
            let weights = unsafe ScratchSlot.weights.memory(byteCount: tile.rows.count * linear.columns * 2)
            unsafe linear.storage.functions.expand(description, weights.assumingMemoryBound(to: UInt16.self))
            unsafe linear.computeDense(
                tile, .bfloat16, prepared: prepared, weights: UnsafeRawPointer(weights),
                bias: description.pointee.bias, output: output)
        }
    }
}
