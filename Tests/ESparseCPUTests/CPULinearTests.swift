// Every kernel of linears against the plain product in double precision.

import ESparseCPU
import ESparseCore
import Testing

/// One way to run linears: what is stored, how it is rounded, and which kernels run.
struct LinearConfiguration: Sendable, CustomTestStringConvertible {
    let instructionSet: InstructionSet
    let denseArithmetic: DenseArithmetic
    let precision: Precision
    let element: ElementType
    let pattern: SparsityPattern?

    var testDescription: String {
        "\(instructionSet.rawValue) \(denseArithmetic.rawValue) \(precision.rawValue) \(element.rawValue) "
            + (pattern?.description ?? "dense")
    }

    static let patterns: [SparsityPattern?] =
        [nil] + ["1:2", "2:4", "1:4", "2:8", "4:8", "3:7", "8:32"].map { SparsityPattern($0) }

    /// All combinations that this machine can run.
    static let all: [LinearConfiguration] = InstructionSet.available.flatMap { set in
        Precision.allCases.flatMap { precision in
            [ElementType.float32, .float16, .bfloat16].flatMap { element in
                patterns.flatMap { pattern in
                    let hasBFloat16 = precision == .bfloat16 && InstructionSet.available.contains(.avx512)
                    let arithmetics: [DenseArithmetic] = hasBFloat16 ? DenseArithmetic.allCases : [.float32]
                    return arithmetics.map {
                        LinearConfiguration(
                            instructionSet: set, denseArithmetic: $0, precision: precision, element: element,
                            pattern: pattern)
                    }
                }
            }
        }
    }

    func prepare(_ linear: LinearCase, pool: ThreadPool) throws -> CPULinear {
        try CPULinear(
            weight: linear.weight, bias: linear.bias, precision: precision, pool: pool,
            instructionSet: instructionSet, denseArithmetic: denseArithmetic)
    }

    /// Columns near `wanted` that the pattern divides.
    func columns(_ wanted: Int) -> Int {
        guard let group = pattern?.group else { return wanted }
        return max(1, wanted / group) * group
    }
}

@Suite struct CPULinearTests {
    @Test func handCheckedDenseAndSparse() throws {
        let pool = ThreadPool(threadCount: 2)
        let dense = try Tensor([1, 2, 3, 4, 5, 6, 7, 8], shape: [2, 4])
        let bias = try Tensor([10, 20], shape: [2])
        let linear = try CPULinear(
            weight: LinearWeight(matrix: .dense(dense)), bias: bias, precision: .float32, pool: pool)
        #expect(linear.product(input: [1, 0, -1, 2], tokens: 1, old: nil, pool: pool) == [16, 34])
        #expect(linear.product(input: [1, 0, -1, 2], tokens: 1, old: [100, 200], pool: pool) == [116, 234])

        let pattern = try #require(SparsityPattern("2:4"))
        let matrix = try SparseMatrix(
            rows: 2, columns: 4, pattern: pattern, values: Tensor([1, 4, 6, 7], shape: [2, 2]),
            bitmask: Tensor(elementType: .uint8, shape: [2, 1], storage: ByteStorage(copying: [UInt8(9), 6])))
        let sparse = try CPULinear(
            weight: LinearWeight(matrix: .sparse(matrix)), bias: nil, precision: .bfloat16, pool: pool)
        // Rows are [1 0 0 4] and [0 6 7 0].
        #expect(sparse.product(input: [1, 10, 100, 1000], tokens: 1, old: nil, pool: pool) == [4001, 760])
        #expect(sparse.residentBytes == 4 * 2 + 2)
    }

    /// An f32 sum of n products in any order, each product and addition rounded to nearest, is within `n u / (1 - n u)`
    /// times the sum of magnitudes (u = 2^-24; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); a
    /// fused product rounds once, `vdpbf16ps` at most twice and flushes subnormals. So 2 (C + 3) u covers all kernels.
    @Test(arguments: LinearConfiguration.all)
    func agreesWithDoublePrecision(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 2)
        let edges = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 70]
        var random = SeededRandom(seed: 7)
        for round in 0..<30 {
            let rows = round % 3 == 1 ? edges[random.integer(below: edges.count)] : random.integer(below: 70) + 1
            let wanted = round % 3 == 0 ? edges[random.integer(below: edges.count)] : random.integer(below: 70) + 1
            let columns = configuration.columns(wanted)
            // Few-token kernels take up to 32 tokens, tiles of many-token kernels hold 64 or 128.
            let tokens = round % 2 == 0 ? random.integer(below: 40) + 1 : 33 + random.integer(below: 110)
            let kind = ValueKind.finite[round % ValueKind.finite.count]
            let linear = try LinearCase(
                rows: rows, columns: columns, pattern: configuration.pattern, element: configuration.element,
                hasBias: round % 4 != 0, kind: kind, random: &random)
            let input = (0..<(tokens * columns)).map { kind.value($0 / 2, &random) }
            let old = round % 4 < 2 ? (0..<(tokens * rows)).map { kind.value($0, &random) } : nil
            let prepared = try configuration.prepare(linear, pool: pool)
            let output = prepared.product(input: input, tokens: tokens, old: old, pool: pool)
            let (expected, magnitudes) = try linear.reference(
                input: input, tokens: tokens, precision: configuration.precision, old: old)
            let factor = 2 * Double(columns + 3) * 0x1p-24
            let worst = output.indices.max { first, second in
                abs(Double(output[first]) - expected[first]) - factor * magnitudes[first]
                    < abs(Double(output[second]) - expected[second]) - factor * magnitudes[second]
            }
            let index = try #require(worst)
            #expect(
                abs(Double(output[index]) - expected[index])
                    <= factor * magnitudes[index] + Double(columns) * 0x1p-126,
                "[T \(tokens), C \(columns)] to R \(rows), \(kind), \(prepared.kernelName(tokens: tokens)), element \(index)"
            )
            #expect(output.allSatisfy { $0.isFinite })
        }
    }

    @Test(arguments: LinearConfiguration.all.filter { $0.element != .float16 })
    func sameBitsForAnyThreadCount(configuration: LinearConfiguration) throws {
        let pools = [1, 2, 3].map { ThreadPool(threadCount: $0) }
        var random = SeededRandom(seed: 11)
        for (rows, columns, tokens) in [
            (200, 96, 1), (1000, 128, 3), (150, 320, 16), (300, 96, 17), (90, 96, 33), (70, 160, 200),
        ] {
            let columns = configuration.columns(columns)
            let linear = try LinearCase(
                rows: rows, columns: columns, pattern: configuration.pattern, element: configuration.element,
                hasBias: true, kind: .ordinary, random: &random)
            let input = (0..<(tokens * columns)).map { ValueKind.ordinary.value($0, &random) }
            let old = (0..<(tokens * rows)).map { ValueKind.ordinary.value($0, &random) }
            let outputs = try pools.map { pool in
                try configuration.prepare(linear, pool: pool)
                    .product(input: input, tokens: tokens, old: old, pool: pool)
                    .map(\.bitPattern)
            }
            #expect(outputs[0] == outputs[1])
            #expect(outputs[0] == outputs[2])
        }
    }

    /// More tokens and channels than one tile, step or chunk holds.
    @Test(arguments: InstructionSet.available, [nil, SparsityPattern("2:4"), SparsityPattern("3:7")])
    func crossesAllTileBounds(instructionSet: InstructionSet, pattern: SparsityPattern?) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = SeededRandom(seed: 5)
        let configuration = LinearConfiguration(
            instructionSet: instructionSet, denseArithmetic: .float32, precision: .bfloat16, element: .bfloat16,
            pattern: pattern)
        for (rows, wanted, tokens) in [(90, 300, 1100), (600, 261, 90)] {
            let columns = configuration.columns(wanted)
            let linear = try LinearCase(
                rows: rows, columns: columns, pattern: pattern, element: .bfloat16, hasBias: true, kind: .ordinary,
                random: &random)
            let input = (0..<(tokens * columns)).map { ValueKind.ordinary.value($0, &random) }
            let output = try configuration.prepare(linear, pool: pool)
                .product(input: input, tokens: tokens, old: nil, pool: pool)
            let (expected, magnitudes) = try linear.reference(
                input: input, tokens: tokens, precision: .bfloat16, old: nil)
            let factor = 2 * Double(columns + 3) * 0x1p-24
            #expect(
                output.indices.allSatisfy {
                    abs(Double(output[$0]) - expected[$0]) <= factor * magnitudes[$0] + 0x1p-120
                })
        }
    }

    /// The order of additions of an output depends on C only: what a token gives does not change with the tokens and rows
    /// that are computed beside it.
    @Test(arguments: LinearConfiguration.all.filter { $0.denseArithmetic == .float32 })
    func fewTokensGiveTheBitsOfOneToken(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 1)
        var random = SeededRandom(seed: 23)
        for most in [40, 300, 1300] {
            let rows = random.integer(below: min(most, 300)) + 1
            let columns = configuration.columns(random.integer(below: most) + most / 2)
            let linear = try LinearCase(
                rows: rows, columns: columns, pattern: configuration.pattern, element: configuration.element,
                hasBias: true, kind: .ordinary, random: &random)
            let prepared = try configuration.prepare(linear, pool: pool)
            let few = (1...32).last(where: { prepared.kernelName(tokens: $0).hasPrefix("few-tokens") }) ?? 1
            let input = (0..<(few * columns)).map { ValueKind.ordinary.value($0, &random) }
            let old = (0..<(few * rows)).map { ValueKind.ordinary.value($0, &random) }
            var alone: [Float] = []
            for token in 0..<few {
                alone += prepared.product(
                    input: Array(input[(token * columns)..<((token + 1) * columns)]), tokens: 1,
                    old: Array(old[(token * rows)..<((token + 1) * rows)]), pool: pool)
            }
            for tokens in 1...few {
                let together = prepared.product(
                    input: Array(input[..<(tokens * columns)]), tokens: tokens, old: Array(old[..<(tokens * rows)]),
                    pool: pool)
                #expect(together.map(\.bitPattern) == alone[..<(tokens * rows)].map(\.bitPattern), "T \(tokens)")
            }
            let (expected, magnitudes) = try linear.reference(
                input: input, tokens: few, precision: configuration.precision, old: old)
            let factor = 2 * Double(columns + 3) * 0x1p-24
            #expect(
                alone.indices.allSatisfy {
                    abs(Double(alone[$0]) - expected[$0]) <= factor * magnitudes[$0] + 0x1p-120
                }, "[T \(few), C \(columns)] to R \(rows)")
        }
    }

    @Test func mappedTensorOffItsAlignmentIsCopied() throws {
        let pool = ThreadPool(threadCount: 1)
        var bytes: [UInt8] = [0xAB]
        for value in [Float(1), 2, 3, 4] { unsafe withUnsafeBytes(of: value) { bytes += unsafe Array($0) } }
        let weight = try Tensor(
            elementType: .float32, shape: [2, 2], storage: ByteStorage(copying: bytes), byteOffset: 1)
        let linear = try CPULinear(
            weight: LinearWeight(matrix: .dense(weight)), bias: nil, precision: .float32, pool: pool)
        #expect(linear.product(input: [1, 10], tokens: 1, old: nil, pool: pool) == [21, 43])
    }

    @Test func refusesDenseLibrariesWithThreadsOfTheirOwn() throws {
        try DenseLibrary.check()
        try DenseLibrary.check(runtime: 1, hasOpenMP: false)
        try DenseLibrary.check(runtime: 2, hasOpenMP: true)
        for (runtime, hasOpenMP, says) in [
            (2, false, "OpenMP"), (4, true, "oneTBB"), (8, true, "thread pool"), (0, true, "no CPU"),
            (99, true, "unknown"),
        ] as [(UInt32, Bool, String)] {
            let error = #expect(throws: KernelError.self) {
                try DenseLibrary.check(runtime: runtime, hasOpenMP: hasOpenMP)
            }
            #expect(error.map { "\($0)".contains(says) } == true)
        }
    }

    @Test func refusesWhatIsNoLinear() throws {
        let pool = ThreadPool(threadCount: 1)
        let vector = LinearWeight(matrix: .dense(try Tensor([1, 2], shape: [2])))
        #expect(throws: KernelError.notAMatrix(shape: [2])) {
            try CPULinear(weight: vector, bias: nil, precision: .float32, pool: pool)
        }
        let integers = try Tensor(
            elementType: .int32, shape: [1, 1], storage: ByteStorage(copying: [Int32(1)]))
        #expect(throws: KernelError.elementType(.int32, role: "weight")) {
            try CPULinear(
                weight: LinearWeight(matrix: .dense(integers)), bias: nil, precision: .float32, pool: pool)
        }
        let matrix = LinearWeight(matrix: .dense(try Tensor([1, 2], shape: [2, 1])))
        #expect(throws: KernelError.biasShape([3], rows: 2)) {
            try CPULinear(
                weight: matrix, bias: try Tensor([1, 2, 3], shape: [3]), precision: .float32, pool: pool)
        }
    }
}

@Suite struct HeadLikelihoodTests {
    @Test func uniformLogitsGiveTheLogarithmOfTheVocabulary() throws {
        let pool = ThreadPool(threadCount: 2)
        let head = try CPULinear(
            weight: LinearWeight(matrix: .dense(try Tensor([Float](repeating: 0, count: 4 * 2), shape: [4, 2]))),
            bias: nil, precision: .float32, pool: pool)
        let likelihoods = unsafe [Float](repeating: 1, count: 6).withUnsafeBufferPointer { hidden in
            guard let base = hidden.baseAddress else { return [TargetLikelihood]() }
            return unsafe head.likelihoods(targets: [0, 3, 1], hidden: base, pool: pool)
        }
        #expect(likelihoods.count == 3)
        #expect(likelihoods.allSatisfy { abs($0.negativeLogLikelihood - 1.3862943611198906) < 1e-7 && $0.isGreedy })
    }

    @Test(arguments: InstructionSet.available, [1, 5, 40, 1100])
    func agreesWithDoublePrecision(instructionSet: InstructionSet, tokens: Int) throws {
        var random = SeededRandom(seed: 3)
        let (rows, columns) = (tokens > 1000 ? 300 : 1777, 24)
        let linear = try LinearCase(
            rows: rows, columns: columns, pattern: nil, element: .bfloat16, hasBias: true, kind: .ordinary,
            random: &random)
        let hidden = (0..<(tokens * columns)).map { 3 * ValueKind.ordinary.value($0, &random) }
        let (logits, magnitudes) = try linear.reference(
            input: hidden, tokens: tokens, precision: .float32, old: nil)
        // Every third target is the likeliest token.
        let targets = (0..<tokens).map { token in
            let row = logits[(token * rows)..<((token + 1) * rows)]
            let likeliest = (row.firstIndex(of: row.max() ?? 0) ?? 0) - token * rows
            return Int32(token % 3 == 0 ? likeliest : random.integer(below: rows))
        }
        let results = try [1, 2, 3].map { threads in
            let pool = ThreadPool(threadCount: threads)
            let head = try CPULinear(
                weight: linear.weight, bias: linear.bias, precision: .float32, pool: pool,
                instructionSet: instructionSet)
            return unsafe withGuardedFloats(hidden) {
                unsafe head.likelihoods(targets: targets, hidden: $0, pool: pool)
            }
        }
        #expect(results[0] == results[1])
        #expect(results[0] == results[2])
        for token in 0..<tokens {
            let row = logits[(token * rows)..<((token + 1) * rows)]
            let largest = row.max() ?? 0
            let logSum = largest + logarithm(row.reduce(0) { $0 + exponential($1 - largest) })
            let targetLogit = logits[token * rows + Int(targets[token])]
            let expected = logSum - targetLogit
            // Each logit is off by at most the bound of a linear; a log-softmax at most doubles it.
            let magnitude = magnitudes[(token * rows)..<((token + 1) * rows)].max() ?? 0
            let bound = 4 * Double(columns + 3) * 0x1p-24 * magnitude + 1e-6
            #expect(abs(results[0][token].negativeLogLikelihood - expected) <= bound)
            // How far the target is ahead of the others, or behind them; too close to tell is left out.
            let others = row.enumerated().filter { $0.offset != Int(targets[token]) }.map(\.element).max() ?? 0
            if abs(targetLogit - others) > bound { #expect(results[0][token].isGreedy == (targetLogit > others)) }
        }
    }
}
