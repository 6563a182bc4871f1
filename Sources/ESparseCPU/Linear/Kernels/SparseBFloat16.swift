// The sparse product of many tokens by AVX-512 BF16, whose vectors hold two channels of many tokens.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// Our sparse product by AVX-512 BF16, whose vectors hold two channels of many tokens.
    package static var sparseBFloat16: KernelName { KernelName("sparse-bf16") }
}

/// Our sparse product by AVX-512 BF16 dot products.
///
/// The order of additions of an output depends on C and the pattern only.
struct SparseBFloat16: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .sparseBFloat16, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: true)
    }

    func supports(_ traits: LinearTraits) -> Bool {
        traits.pattern != nil && traits.columns > 0 && traits.precision == .bfloat16
            && traits.instructionSet.hasBFloat16Products
    }

    func reads(_ storage: WeightStorage) -> Bool { storage.weights.code == esparse_masked_bf16 }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? {
        arithmetic == .bfloat16 ? 0...Int.max : nil
    }

    private var functions: esparse_many_kernels {
        guard let functions = KernelTable.avx512BFloat16?.linear?.functions(of: esparse_masked_bf16) else {
            preconditionFailure("no product by AVX-512 BF16 is in this build")
        }
        return functions.many
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan { linear.sparsePlan(functions, tokens: tokens) }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        unsafe linear.transposed(input, tokens: tokens, plan: plan, functions: functions, pool: pool)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.computeSparse(tile, prepared: prepared, output: output, functions: functions)
    }
}
