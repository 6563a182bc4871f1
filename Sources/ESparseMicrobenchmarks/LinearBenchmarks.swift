// One 2:4 linear by every kernel that can run it, and the same dense: by our kernels, and by oneDNN with its own weights.

import ESparseCPU
import ESparseCore
import ESparseMeasurement

extension Microbenchmark {
    private static let tokens = [1, 8, 64, 512]

    /// A linear `[rows, columns]` of bf16 weights; the input of ours is converted in each call, oneDNN's is beforehand.
    static func linears(_ backend: CPUBackend, rows: Int, columns: Int) -> [Microbenchmark] {
        let shape = "\(rows)x\(columns)"
        @Sendable func random() throws -> RandomLinear {
            try RandomLinear(rows: rows, columns: columns, pattern: .twoOfFour, seed: 0, pool: backend.pool)
        }
        func traits(_ pattern: SparsityPattern?) -> LinearTraits {
            LinearTraits(
                rows: rows, columns: columns, pattern: pattern, elementType: .bfloat16, precision: backend.precision,
                instructionSet: backend.instructionSet)
        }
        func own(_ pattern: SparsityPattern?, _ kernel: KernelName, tokens: Int) -> Microbenchmark {
            let kind = pattern.map { "\($0)" } ?? "dense"
            return Microbenchmark("linear \(shape) \(kind), \(tokens) tokens, \(kernel.rawValue)") {
                let random = try random()
                let copies = CPUBackend.copyCount(byteCount: random.sparse.values.byteCount)
                let linears = try (0..<copies).map { _ in
                    let weight = LinearWeight(
                        matrix: try pattern == nil ? .dense(random.dense.copied()) : .sparse(random.sparse.copied()))
                    let linear = try backend.prepareLinear(weight, bias: nil).linear
                    return CPUBackend.PreparedLinear(linear: linear.using(kernel))
                }
                let input = backend.activation(
                    RandomLinear.input(tokens: tokens, columns: columns, seed: 1), channels: columns)
                return turns(copies) { _ = backend.multiply(input, by: linears[$0]) }
            }
        }
        func library(_ arithmetic: DenseArithmetic, tokens: Int) -> Microbenchmark {
            Microbenchmark("linear \(shape) dense, \(tokens) tokens, onednn-\(arithmetic.rawValue), packed") {
                let dense = try random().dense
                guard
                    let product = try PackedDense(
                        weight: dense, input: RandomLinear.input(tokens: tokens, columns: columns, seed: 1),
                        arithmetic: arithmetic, pieceCount: backend.threadCount,
                        copyCount: CPUBackend.copyCount(byteCount: dense.byteCount), pool: backend.pool)
                else { throw MeasurementError.noDenseProduct(shape: shape) }
                return turns(product.copyCount) { product.run(copy: $0) }
            }
        }
        return tokens.flatMap { tokens in
            traits(.twoOfFour).possibleKernels.map { own(.twoOfFour, $0, tokens: tokens) }
                + traits(nil).possibleKernels.map { own(nil, $0, tokens: tokens) }
                + DenseArithmetic.allCases.map { library($0, tokens: tokens) }
        }
    }

    /// Calls `body` with 0, 1, ... in turn, so that each call reads another copy of the weights, from memory.
    private static func turns(_ count: Int, _ body: @escaping (Int) -> Void) -> () -> Void {
        var calls = 0
        return {
            body(calls % count)
            calls += 1
        }
    }
}
