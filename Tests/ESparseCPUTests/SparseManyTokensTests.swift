// The sparse products of many tokens: every kernel against the plain product in double precision, and hostile values.

import ESparseCPU
import ESparseCore
import Testing

extension LinearConfiguration {
    /// The sparse ones of bf16 and f32 weights.
    static let sparse = all.filter { $0.pattern != nil && $0.element != .float16 }
}

@Suite struct SparseManyTokensTests {
    /// Rows [1 0 0 4] and [0 6 7 0] at more tokens than the kernels of few take; all numbers are exact in bf16.
    @Test(arguments: LinearConfiguration.sparse.filter { $0.pattern == SparsityPattern("2:4") })
    func handChecked(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 2)
        let pattern = try #require(configuration.pattern)
        let values = try Tensor(
            elementType: configuration.element, shape: [2, 2], storage: configuration.element.storage([1, 4, 6, 7]))
        let bitmask = try Tensor(elementType: .uint8, shape: [2, 1], storage: ByteStorage(copying: [UInt8(9), 6]))
        let matrix = try SparseMatrix(rows: 2, columns: 4, pattern: pattern, values: values, bitmask: bitmask)
        let linear = try CPULinear(
            weight: LinearWeight(matrix: .sparse(matrix)), bias: try Tensor([100, 200], shape: [2]),
            precision: configuration.precision, pool: pool, instructionSet: configuration.instructionSet,
            denseArithmetic: configuration.denseArithmetic)
        let tokens = 150
        var input: [Float] = []
        var old: [Float] = []
        var expected: [Float] = []
        for token in 0..<tokens {
            input += [Float(token), 1, 2, 0.5]
            old += [0, 1000]
            expected += [Float(token + 102), 1220]
        }
        #expect(linear.product(input: input, tokens: tokens, old: old, pool: pool) == expected)
    }

    @Test(arguments: InstructionSet.available)
    func sparseKernelsRunWhereTheyExist(instructionSet: InstructionSet) throws {
        let pool = ThreadPool(threadCount: 1)
        var random = SeededRandom(seed: 1)
        let linear = try LinearCase(
            rows: 4, columns: 8, pattern: SparsityPattern("2:4"), element: .bfloat16, hasBias: false, kind: .ordinary,
            random: &random)
        let prepared = try CPULinear(
            weight: linear.weight, bias: nil, precision: .bfloat16, pool: pool, instructionSet: instructionSet,
            denseArithmetic: .float32)
        let name = instructionSet == .plain ? "widen+onednn-f32" : "sparse-many-tokens-\(instructionSet.rawValue)"
        #expect(prepared.kernelName(tokens: 64) == name)
    }

    /// Each output is one chain of additions in the order of channels (of pairs of channels under bf16), so an f32 sum of n
    /// products is within `n u / (1 - n u)` times the sum of magnitudes (u = 2^-24; Higham, section 3.1). `vdpbf16ps` rounds
    /// at most twice a product. So 2 (C + 3) u covers all kernels, as in `CPULinearTests`.
    @Test(arguments: LinearConfiguration.sparse)
    func agreesWithDoublePrecision(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = SeededRandom(seed: 13)
        var sizes = [(1, 300, 300), (300, 1, 129), (300, 97, 64), (47, 300, 65)]
        for _ in 0..<3 {
            let rows = random.integer(below: 300) + 1
            let columns = random.integer(below: 300) + 1
            sizes.append((rows, columns, random.integer(below: 268) + 33))
        }
        for (rows, wanted, tokens) in sizes {
            try check(configuration, rows: rows, wanted: wanted, tokens: tokens, kind: .ordinary, pool, &random)
        }
    }

    /// What is not kept is not multiplied: an infinity or a NaN reaches only the outputs whose kept weights meet it.
    @Test(arguments: LinearConfiguration.sparse.filter { $0.instructionSet != .plain })
    func hostileValues(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = SeededRandom(seed: 17)
        for (rows, wanted, tokens) in [(33, 70, 64), (5, 166, 130), (70, 23, 257)] {
            try check(configuration, rows: rows, wanted: wanted, tokens: tokens, kind: .hostile, pool, &random)
        }
    }

    private func check(
        _ configuration: LinearConfiguration, rows: Int, wanted: Int, tokens: Int, kind: ValueKind, _ pool: ThreadPool,
        _ random: inout SeededRandom
    ) throws {
        let columns = configuration.columns(wanted)
        let linear = try LinearCase(
            rows: rows, columns: columns, pattern: configuration.pattern, element: configuration.element, hasBias: true,
            kind: kind, random: &random)
        let input = (0..<(tokens * columns)).map { kind.value($0, &random) }
        let old = tokens % 2 == 0 ? (0..<(tokens * rows)).map { ValueKind.ordinary.value($0, &random) } : nil
        let prepared = try configuration.prepare(linear, pool: pool)
        let name = prepared.kernelName(tokens: tokens)
        // oneDNN multiplies the zeros of expanded weights too.
        if kind == .hostile, !name.hasPrefix("sparse") { return }
        let output = prepared.product(input: input, tokens: tokens, old: old, pool: pool)
        let (expected, magnitudes) = try linear.reference(
            input: input, tokens: tokens, precision: configuration.precision, old: old)
        let factor = 2 * Double(columns + 3) * 0x1p-24
        // bf16 dot products count subnormal inputs as zero; what they are multiplied with is below 4.
        let flushed = 8 * Double(columns) * 0x1p-126
        let wrong = output.indices.first { index in
            let value = Double(output[index])
            let exact = expected[index]
            if exact.isNaN { return !value.isNaN }
            if exact.isInfinite { return value != exact }
            return !(abs(value - exact) <= factor * magnitudes[index] + flushed)
        }
        #expect(wrong == nil, "[T \(tokens), C \(columns)] to R \(rows), \(name)")
    }
}
