// Compact panels: bf16 weights in 12 bits give what the same weights give in f32, bit for bit, and take fewer bytes.

import ESparseCPU
import ESparseCore
import Testing

@Suite(.enabled(if: InstructionSet.available.contains(.avx2), "panels are AVX2's"))
struct WeightPanelsTests {
    static let patterns = ["1:2", "2:4", "1:4", "4:8", "2:8"].compactMap { SparsityPattern($0) }
    static let rows = 133

    /// The same bf16 weights stored as bf16 and as f32. Those of the rows in `wide` have exponents from -80 to 81, more
    /// upper bytes than a compact panel holds; others from -7 to 8, just as many as it holds.
    private static func twins(
        columns: Int, pattern: SparsityPattern, wide: Set<Int>, random: inout SeededRandom
    ) throws -> (bfloat16: SparseMatrix, float32: SparseMatrix) {
        let linear = try LinearCase(
            rows: rows, columns: columns, pattern: pattern, element: .float32, hasBias: false, kind: .ordinary,
            random: &random)
        guard case .sparse(let matrix) = linear.weight.matrix else { preconditionFailure("not sparse") }
        let kept = matrix.keptPerRow
        let values = try matrix.values.floats().enumerated().map { index, value in
            let (isWide, magnitude) = (wide.contains(index / kept), 1 + abs(value) / 2)
            let exponent = isWide ? index % 161 - 80 : index % 15 - 7
            return BFloat16(
                Float(signOf: value, magnitudeOf: magnitude) * Float(sign: .plus, exponent: exponent, significand: 1)
            )
            .float
        }
        func stored(_ element: ElementType) throws -> SparseMatrix {
            try SparseMatrix(
                rows: rows, columns: columns, pattern: pattern,
                values: Tensor(elementType: element, shape: [rows, kept], storage: element.storage(values)),
                bitmask: matrix.bitmask)
        }
        return (try stored(.bfloat16), try stored(.float32))
    }

    private static func prepare(_ matrix: SparseMatrix, pool: ThreadPool) throws -> CPULinear {
        try CPULinear(
            weight: LinearWeight(matrix: .sparse(matrix)), bias: nil, precision: .float32, pool: pool,
            instructionSet: .avx2)
    }

    /// No panel spilled, the second and the last one, and all of them.
    @Test(arguments: patterns, [[], [9, 132], Set(0..<rows)])
    func losesNothing(pattern: SparsityPattern, wide: Set<Int>) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = SeededRandom(seed: 31)
        for columns in [104, 320, 1064] {
            let (narrow, full) = try Self.twins(columns: columns, pattern: pattern, wide: wide, random: &random)
            let compact = try Self.prepare(narrow, pool: pool)
            let plain = try Self.prepare(full, pool: pool)
            for tokens in [1, 2, 3, 8, 21, 150] {
                let input = (0..<(tokens * columns)).map { ValueKind.ordinary.value($0, &random) }
                let expected = plain.product(input: input, tokens: tokens, old: nil, pool: pool)
                let output = compact.product(input: input, tokens: tokens, old: nil, pool: pool)
                let different = output.indices.count { output[$0].bitPattern != expected[$0].bitPattern }
                #expect(different == 0, "T \(tokens), C \(columns)")
                #expect(expected.contains { $0 != 0 })
            }
        }
    }

    /// 12 bits a kept weight and 8 a span of eight columns: 7/16 of dense bf16, and 32 bytes a panel and 1,024 columns.
    @Test func takesSevenSixteenthsOfDense() throws {
        let pool = ThreadPool(threadCount: 1)
        var random = SeededRandom(seed: 37)
        let panels = 17
        let (columns, dense) = (4096, panels * 8 * 4096 * 2)
        for text in ["2:4", "4:8"] {
            let pattern = try #require(SparsityPattern(text))
            let narrow = try Self.twins(columns: columns, pattern: pattern, wide: [], random: &random).bfloat16
            #expect(try Self.prepare(narrow, pool: pool).residentBytes == dense * 7 / 16 + panels * 128)
            // One panel lies beside the others in 9/16, and a table says where.
            let spilled = try Self.twins(columns: columns, pattern: pattern, wide: [9], random: &random).bfloat16
            #expect(
                try Self.prepare(spilled, pool: pool).residentBytes
                    == dense * 7 / 16 + panels * 128 + dense / panels * 9 / 16 + panels * 8)
            // Three of 17 are too many.
            let wide = try Self.twins(columns: columns, pattern: pattern, wide: [0, 9, 132], random: &random).bfloat16
            #expect(try Self.prepare(wide, pool: pool).residentBytes == dense * 9 / 16)
        }
    }
}
