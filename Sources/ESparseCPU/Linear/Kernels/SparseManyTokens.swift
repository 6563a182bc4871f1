// The sparse product of many tokens in f32 arithmetic, whose vectors hold one channel of many tokens.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// Our sparse product in f32 arithmetic, whose vectors hold one channel of many tokens.
    package static var sparseManyTokens: KernelName { KernelName("sparse-many-tokens") }
}

/// Our sparse product in f32 arithmetic.
///
/// The order of additions of an output depends on C and the pattern only.
struct SparseManyTokens: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .sparseManyTokens, hasInstructionSets: true, cost: .product, sumsAreIndependentOfBatch: true)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        guard traits.pattern != nil, traits.columns > 0 else { return false }
        let functions = traits.instructionSet.kernels.functions(of: MaskedRows.code(traits.elementType))
        return unsafe functions?.many.multiply != nil
    }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.many.multiply != nil }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? { 0...Int.max }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.sparsePlan(linear.storage.functions.many, tokens: tokens)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.transposed(
            input, tokens: tokens, plan: plan, functions: linear.storage.functions.many, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.computeSparse(tile, prepared: prepared, output: output, functions: linear.storage.functions.many)
    }
}
