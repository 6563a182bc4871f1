// What kernels say of themselves: names that are theirs alone, rules that cover all tokens, and sums that keep their order.

import ESparseCPU
import ESparseCore
import Testing

@Suite struct LinearKernelsTests {
    @Test func everyNameIsFoundAgain() {
        let names = LinearKernels.properties.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(LinearKernels.properties(of: name)?.name == name)
            #expect(LinearKernels.name(name.rawValue) == name)
        }
        #expect(LinearKernels.name("warp") == nil)
    }

    /// The rules choose among the kernels that can run a linear, whatever the number of tokens.
    @Test(arguments: LinearConfiguration.all)
    func rulesChooseWhatCanRun(configuration: LinearConfiguration) throws {
        let backend = CPUBackend(
            precision: configuration.precision, threadCount: 1, instructionSet: configuration.instructionSet)
        for columns in [0, configuration.columns(96)] {
            let traits = LinearTraits(
                rows: 8, columns: columns, pattern: configuration.pattern,
                elementType: configuration.precision == .bfloat16 ? .bfloat16 : configuration.element,
                precision: configuration.precision, instructionSet: configuration.instructionSet)
            for tokens in TokenClass.bounds {
                #expect(traits.possibleKernels.contains(backend.ruleKernel(for: traits, tokens: tokens)))
            }
        }
    }

    /// A kernel that promises it gives a token the same bits alone, first and last of a pass, whatever is beside it.
    @Test(arguments: LinearConfiguration.all.filter { $0.denseArithmetic == .float32 })
    func sumsKeepTheirOrderWherePromised(configuration: LinearConfiguration) throws {
        let pool = ThreadPool(threadCount: 2)
        var random = SeededRandom(seed: 29)
        let (rows, columns, most) = (70, configuration.columns(300), 150)
        let linear = try LinearCase(
            rows: rows, columns: columns, pattern: configuration.pattern, element: configuration.element,
            hasBias: true, kind: .ordinary, random: &random)
        let prepared = try configuration.prepare(linear, pool: pool)
        let input = (0..<(most * columns)).map { ValueKind.ordinary.value($0, &random) }
        for name in prepared.traits.possibleKernels {
            let properties = try #require(LinearKernels.properties(of: name))
            guard properties.sumsAreIndependentOfBatch else { continue }
            let fixed = prepared.using(name)
            for tokens in [1, 2, 7, 12, 33, 64, 65, most] {
                let together = fixed.product(
                    input: Array(input[..<(tokens * columns)]), tokens: tokens, old: nil, pool: pool)
                for token in [0, tokens - 1] {
                    let alone = fixed.product(
                        input: Array(input[(token * columns)..<((token + 1) * columns)]), tokens: 1, old: nil,
                        pool: pool)
                    #expect(
                        together[(token * rows)..<((token + 1) * rows)].map(\.bitPattern) == alone.map(\.bitPattern),
                        "\(name), token \(token) of \(tokens)")
                }
            }
        }
    }
}
