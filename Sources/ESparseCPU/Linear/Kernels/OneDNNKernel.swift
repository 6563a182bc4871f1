// What all oneDNN kernels share; each adds which linears it takes and how their weights reach oneDNN.

internal import CESparseCPU
import ESparseCore

/// Writes a run of rows, by the functions of their format, as dense `[rows, C]` to memory.
typealias RowWriter = (UnsafePointer<esparse_rows>, esparse_format_kernels, UnsafeMutableRawPointer) -> Void

/// A product of many tokens by oneDNN, which chooses the order of additions by the number of tokens.
protocol OneDNNKernel: LinearKernel {
    /// The name in profiles and reports.
    var name: KernelName { get }
    /// The data type of the product.
    var arithmetic: DenseArithmetic { get }
    /// Writes a run of rows out in scratch in that type; nil where oneDNN reads them as they are stored.
    var writeOut: RowWriter? { get }
}

extension OneDNNKernel {
    var writeOut: RowWriter? { nil }

    var properties: KernelProperties {
        KernelProperties(name: name, hasInstructionSets: false, cost: .product, sumsAreIndependentOfBatch: false)
    }

    func preferredTokens(_ traits: LinearTraits, arithmetic preferred: DenseArithmetic) -> ClosedRange<Int>? {
        arithmetic == .float32 || preferred == .bfloat16 ? 0...Int.max : nil
    }

    func plan(_ linear: CPULinear, tokens: Int) -> LinearPlan {
        linear.densePlan(tokens: tokens, holdsWeights: unsafe writeOut != nil)
    }

    func prepare(
        _ input: UnsafePointer<Float>, tokens: Int, plan: LinearPlan, linear: CPULinear, pool: ThreadPool
    ) -> UnsafeRawPointer {
        switch arithmetic {
        case .float32: unsafe linear.singles(input, tokens: tokens, pool: pool)
        case .bfloat16: unsafe linear.narrowed(input, tokens: tokens, pool: pool)
        }
    }

    func compute(_ tile: LinearTile, linear: CPULinear, prepared: UnsafeRawPointer, output: TileOutput) {
        unsafe linear.storage.withRows(tile.rows) { description in
            var weights = unsafe description.pointee.weights
            if let writeOut = unsafe writeOut {
                let memory = unsafe ScratchSlot.weights.memory(
                    byteCount: tile.rows.count * linear.columns * arithmetic.byteCount)
                unsafe writeOut(description, linear.storage.functions, memory)
                unsafe weights = UnsafeRawPointer(memory)
            }
            guard let weights = unsafe weights else { return }
            unsafe linear.computeDense(
                tile, arithmetic, prepared: prepared, weights: weights, bias: description.pointee.bias, output: output)
        }
    }
}
