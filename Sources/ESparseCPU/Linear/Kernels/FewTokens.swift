// The matrix-vector kernels: one pass over the weights as they are stored, dense or sparse, for a few tokens.

internal import CESparseCPU
package import ESparseCore

extension KernelName {
    /// Our matrix-vector kernels, straight on the stored weights (dense or sparse).
    package static var fewTokens: KernelName { KernelName("few-tokens") }
}

/// Our matrix-vector kernels.
///
/// The order of additions of an output depends on C only.
struct FewTokens: LinearKernel {
    var properties: KernelProperties {
        KernelProperties(
            name: .fewTokens, hasInstructionSets: true, cost: .weightPass, sumsAreIndependentOfBatch: true)
    }

    func supports(_ traits: LinearTraits) -> Bool { true }

    func reads(_ storage: WeightStorage) -> Bool { unsafe storage.functions.few != nil }

    func preferredTokens(_ traits: LinearTraits, arithmetic: DenseArithmetic) -> ClosedRange<Int>? {
        0...(traits.columns == 0 ? .max : Self.mostTokens(traits, arithmetic))
    }

    /// Up to this many tokens a pass over the weights in memory is what costs, and these kernels win.
    ///
    /// Measured against oneDNN f32 on 576 x 576 to 4096 x 4096: AVX-512 is ahead at 32 tokens, level at 48. Processors
    /// that are chosen for bf16 have at least twice the rate there. AVX2 multiplies sparse weights with 12 tokens in 0.83 of
    /// the time that the kernels of many take, with 16 in 1.1 times.
    private static func mostTokens(_ traits: LinearTraits, _ arithmetic: DenseArithmetic) -> Int {
        switch traits.instructionSet {
        case .plain: 4
        case .neon: 32
        case .avx2 where traits.pattern != nil: 12
        case .avx2, .avx512: arithmetic == .bfloat16 ? 16 : 32
        }
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        .few(
            rows: linear.rows, rowByteCount: linear.storage.rowByteCount, tokens: tokens,
            unit: linear.storage.rowsAtOnce)
    }

    /// Floats from one packed token to the next.
    private func packedStride(_ linear: CPULinear) -> Int { LinearPlan.roundUp(linear.columns, to: 32) }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        let stride = packedStride(linear)
        let packed = unsafe ScratchSlot.input.memory(byteCount: LinearPlan.roundUp(tokens, to: 8) * stride * 4)
        unsafe linear.storage.withRows(0..<0) { description in
            unsafe linear.storage.functions.pack(
                description, linear.roundsInput, input, Int64(tokens), packed.assumingMemoryBound(to: Float.self),
                Int64(stride))
        }
        return UnsafeRawPointer(packed)
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        let stride = packedStride(linear)
        let packed = unsafe prepared.assumingMemoryBound(to: Float.self) + tile.tokens.lowerBound * stride
        unsafe linear.storage.withRows(tile.rows) { description in
            unsafe linear.storage.functions.few(
                description, packed, Int64(stride), Int64(tile.tokens.count), output.start, Int64(output.stride),
                output.accumulateCode)
        }
    }
}
