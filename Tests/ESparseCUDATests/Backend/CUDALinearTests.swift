// Linears on the emulated device: which kernel runs for how many tokens, and that every kernel multiplies right.

import ESparseCUDA
import ESparseCore
import ESparseDeviceChecks
import ESparseReference
import Testing

@Suite(.serialized) struct CUDALinearTests {
    private func traits(
        _ pattern: SparsityPattern?, rows: Int = 64, columns: Int = 64, compresses: Bool = true
    ) -> CUDALinearTraits {
        CUDALinearTraits(rows: rows, columns: columns, pattern: pattern, compresses: compresses)
    }

    @Test func rulesChooseByPatternShapeAndTokens() throws {
        let oneOfFour = try #require(SparsityPattern(kept: 1, group: 4))
        let eightOfSixteen = try #require(SparsityPattern(kept: 8, group: 16))
        let cases: [(CUDALinearTraits, Int, CUDALinearKernel)] = [
            (traits(nil), 1, .denseLibrary), (traits(nil), 1000, .denseLibrary),
            (traits(.twoOfFour), 1, .fewTokens), (traits(.twoOfFour), 16, .fewTokens),
            (traits(.twoOfFour), 17, .sparseLibrary), (traits(.twoOfFour), 5000, .sparseLibrary),
            (traits(.fourOfEight), 16, .fewTokens), (traits(.fourOfEight), 17, .decompressed),
            (traits(eightOfSixteen), 3, .fewTokens), (traits(oneOfFour), 1, .decompressed),
            // cuSPARSELt wants multiples of 16; our kernel wants them of columns only.
            (traits(.twoOfFour, rows: 40), 17, .decompressed), (traits(.twoOfFour, rows: 40), 16, .fewTokens),
            (traits(.twoOfFour, columns: 72), 1, .decompressed), (traits(.twoOfFour, columns: 72), 17, .decompressed),
            (traits(.twoOfFour, compresses: false), 17, .decompressed),
            (traits(.twoOfFour, compresses: false), 2, .fewTokens),
        ]
        for (traits, tokens, kernel) in cases {
            #expect(traits.ruleKernel(tokens: tokens) == kernel, "\(traits), \(tokens) tokens")
            #expect(traits.possibleKernels.contains(kernel))
        }
    }

    @Test func rangesNameEveryKernel() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        var numbers = NumberSource(1)
        func ranges(_ pattern: SparsityPattern, on backend: CUDABackend) throws -> [String] {
            backend.kernelRanges(
                of: LinearWeight(
                    matrix: .sparse(try numbers.sparseMatrix(rows: 32, columns: 32, pattern: pattern)))
            ).map(\.description)
        }
        #expect(try ranges(.twoOfFour, on: backend) == ["1-16 few-tokens-cuda (rule)", "17+ cusparselt (rule)"])
        #expect(
            try ranges(.fourOfEight, on: backend) == ["1-16 few-tokens-cuda (rule)", "17+ decompress+cublaslt (rule)"])
        let small = try EmulatedBackend.make(.bfloat16, weightMemory: .smallest)
        #expect(
            try ranges(.twoOfFour, on: small) == ["1-16 few-tokens-cuda (rule)", "17+ decompress+cublaslt (rule)"])
        #expect(
            backend.kernelRanges(of: LinearWeight(matrix: .dense(try numbers.tensor([4, 4])))).map(\.description)
                == ["1+ cublaslt (rule)"])
    }

    /// Where dense was measured to be faster, dense runs, and is named.
    @Test func measuredChoicesReplaceTheRules() throws {
        var backend = try EmulatedBackend.make(.bfloat16)
        var numbers = NumberSource(2)
        let weight = LinearWeight(
            matrix: .sparse(try numbers.sparseMatrix(rows: 32, columns: 32, pattern: .twoOfFour)))
        var profile = KernelProfile<CUDALinearTraits>()
        let kernels = TokenClass.bounds.map { bound -> CUDALinearKernel in
            bound <= 8 ? .fewTokens : bound < 512 ? .decompressed : .sparseLibrary
        }
        let traits = backend.kind(of: weight)
        try profile.set(kernels.map { KernelChoice($0.name) }, for: traits)
        // What cannot run is not taken.
        func refuses(_ kernel: CUDALinearKernel, _ algorithm: SparseAlgorithm?) {
            #expect(throws: ImpossibleChoice.self) {
                try profile.set(kernels.map { _ in KernelChoice(kernel.name, parameter: algorithm) }, for: traits)
            }
        }
        refuses(.denseLibrary, nil)
        refuses(.fewTokens, SparseAlgorithm(identifier: 0, splitCount: 1, splitMode: 0, splitBuffers: 0))
        backend.profile = profile
        #expect(
            backend.kernelRanges(of: weight).map(\.description) == [
                "1-8 few-tokens-cuda (profile)", "9-256 decompress+cublaslt (profile)", "257+ cusparselt (profile)",
            ])
        #expect(try backend.prepareLinear(weight, bias: nil).kernel(tokens: 100) == .decompressed)
    }

    @Test func kernelNamesFollowTheTokens() {
        let names = [1, 2, 3, 4, 5, 8, 9, 16].map { FewTokensLaunch.kernel(tokens: $0, type: .float16) }
        #expect(
            names.map { $0.dropFirst("esparse_sparse_few_tokens_".count) } == [
                "1_float16", "2_float16", "4_float16", "4_float16", "8_float16", "8_float16", "16_float16",
                "16_float16",
            ])
        #expect([1, 16, 17, 32].map { FewTokensLaunch.blocks(rows: $0) } == [1, 1, 2, 2])
    }

    /// Every kernel, asked for by name, on exact operands, in every way that a product is written.
    @Test(arguments: HalfType.allCases) func everyKernelAgrees(_ type: HalfType) throws {
        let backend = try EmulatedBackend.make(type)
        for check in KernelCheck.all(isQuick: true) {
            for kernel in check.kernels(on: backend) {
                let (found, expected) = try check.values(of: kernel, on: backend)
                #expect(normalizedMeanSquaredError(found, expected) <= check.bound, "\(check), \(kernel)")
            }
        }
    }

    @Test func memoryIsTold() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        var numbers = NumberSource(3)
        let sparse = LinearWeight(
            matrix: .sparse(try numbers.sparseMatrix(rows: 64, columns: 64, pattern: .twoOfFour)))
        let dense = LinearWeight(matrix: .dense(try numbers.tensor([64, 64])))
        #expect(try backend.prepareLinear(dense, bias: nil).byteCount == (own: 8192, compressed: 0))
        // 9 bits of 16.
        let both = try backend.prepareLinear(sparse, bias: nil).byteCount
        #expect(both.own == 8192 * 9 / 16 && both.compressed > 0)
        let small = try EmulatedBackend.make(.bfloat16, weightMemory: .smallest)
        #expect(try small.prepareLinear(sparse, bias: nil).byteCount == (own: 8192 * 9 / 16, compressed: 0))
    }
}
