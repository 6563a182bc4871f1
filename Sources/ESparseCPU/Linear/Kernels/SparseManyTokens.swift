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
        traits.pattern != nil && traits.columns > 0 && traits.instructionSet.kernels.sparse_many.value_bytes > 0
    }

    func reads(_ format: any WeightFormat.Type) -> Bool { format.operations.contains(.multiplyManyTokens) }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? { 0...Int.max }

    /// The format's functions of this product.
    private func functions(_ linear: CPULinear) -> esparse_many_kernels {
        guard let functions = linear.storage.manyTokens(linear.kernels) else {
            preconditionFailure("no sparse product of many tokens reads \(linear.storage.format.name)")
        }
        return functions
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.sparsePlan(functions(linear), tokens: tokens)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.transposed(input, tokens: tokens, plan: plan, functions: functions(linear), pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.computeSparse(tile, prepared: prepared, output: output, functions: functions(linear))
    }
}
