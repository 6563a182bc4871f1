// Choices of kernels: rules, profiles and fixed kernels, the same for any number of threads; and what the system says.

import ESparseCPU
import ESparseCore
import Testing

@Suite struct KernelSelectionTests {
    /// A 2:4 weight of small whole numbers `[rows, columns]`, kept at places 1 and 2 of each group.
    private func weight(rows: Int, columns: Int) throws -> LinearWeight {
        let values = (0..<rows * columns / 2).map { Float($0 % 7) - 3 }
        let bits = [UInt8](repeating: 0b0110_0110, count: rows * columns / 8)
        return LinearWeight(
            matrix: .sparse(
                try SparseMatrix(
                    rows: rows, columns: columns, pattern: .twoOfFour,
                    values: Tensor(values, shape: [rows, columns / 2]),
                    bitmask: Tensor(
                        elementType: .uint8, shape: [rows, columns / 8], storage: ByteStorage(copying: bits)))))
    }

    @Test func classesCoverAllTokenCounts() {
        #expect(TokenClass.index(of: 1) == 0)
        #expect(TokenClass.index(of: 3) == 2)
        #expect(TokenClass.index(of: 1024) == TokenClass.bounds.count - 1)
        #expect(TokenClass.index(of: 1_000_000) == TokenClass.bounds.count - 1)
    }

    private func choice(_ linear: CPULinear, tokens: Int) -> String {
        let (kernel, reason) = linear.choice(tokens: tokens)
        return "\(kernel) \(reason)"
    }

    @Test func aProfileChoosesAndOthersFollowTheRules() throws {
        let known = try weight(rows: 16, columns: 64)
        let set = try InstructionSet.selected()
        let traits = LinearTraits(known, precision: .float32, instructionSet: set)
        var profile = KernelProfile<LinearTraits>()
        var kernels = [KernelName](repeating: .fewTokens, count: TokenClass.bounds.count)
        kernels[0] = .widenedFloat32
        try profile.set(kernels.map { KernelChoice($0) }, for: traits)
        for threads in 1...3 {
            let backend = CPUBackend(precision: .float32, threadCount: threads, instructionSet: set, profile: profile)
            let linear = try backend.prepareLinear(known, bias: nil).linear
            #expect(choice(linear, tokens: 1) == "widen+onednn-f32 profile")
            #expect(choice(linear, tokens: 600) == "few-tokens profile")
            #expect(
                backend.kernelRanges(of: known).map(\.description) == [
                    "1 widen+onednn-f32 (profile)", "2+ few-tokens-\(set.rawValue) (profile)",
                ])
            let other = try backend.prepareLinear(weight(rows: 8, columns: 64), bias: nil).linear
            #expect(choice(other, tokens: 1) == "few-tokens rule")
        }
    }

    @Test func impossibleKernelsDoNotGetIntoAProfile() throws {
        let traits = LinearTraits(try weight(rows: 8, columns: 8), precision: .float32, instructionSet: .plain)
        var profile = KernelProfile<LinearTraits>()
        for kernel in [KernelName.denseFloat32, .denseBFloat16, .expandedBFloat16] {
            let choices = [KernelChoice<Never>](repeating: KernelChoice(kernel), count: TokenClass.bounds.count)
            #expect(throws: ImpossibleChoice.self) { try profile.set(choices, for: traits) }
        }
        #expect(profile == KernelProfile())
    }

    /// Whole numbers this small are added exactly in any order, so every kernel gives the same bits.
    @Test(arguments: InstructionSet.available, Precision.allCases)
    func everyPossibleKernelGivesTheSameProduct(_ set: InstructionSet, _ precision: Precision) throws {
        let (rows, columns) = (40, 72)
        let weight = try weight(rows: rows, columns: columns)
        for tokens in [1, 5, 33, 130] {
            let input = (0..<tokens * columns).map { Float($0 % 5) - 2 }
            var expected: [Float]?
            for threads in [1, 3] {
                let backend = CPUBackend(precision: precision, threadCount: threads, instructionSet: set)
                let linear = try backend.prepareLinear(weight, bias: nil).linear
                #expect(linear.traits.possibleKernels.count >= 2)
                for kernel in linear.traits.possibleKernels {
                    let prepared = CPUBackend.PreparedLinear(linear: linear.using(kernel))
                    let output = backend.floats(
                        of: backend.multiply(backend.activation(input, channels: columns), by: prepared))
                    #expect(expected == nil || output == expected, "\(kernel) \(tokens) tokens \(threads) threads")
                    expected = output
                }
            }
        }
    }

    @Test func rangesOfTheRulesMeetWithoutGaps() throws {
        let backend = try CPUBackend(precision: .preferred, threadCount: 1)
        let ranges = backend.kernelRanges(of: try weight(rows: 8, columns: 64))
        #expect(ranges.first?.firstTokens == 1 && ranges.last?.lastTokens == nil)
        for (range, next) in zip(ranges, ranges.dropFirst()) {
            #expect(range.lastTokens.map { $0 + 1 } == next.firstTokens && range.kernel != next.kernel)
        }
    }

    @Test func packedDenseProductsAgreeWithAPlainOne() throws {
        let (rows, columns, tokens) = (24, 16, 3)
        let weight = (0..<rows * columns).map { Float($0 % 9) - 4 }
        let input = (0..<tokens * columns).map { Float($0 % 5) - 2 }
        let pool = ThreadPool(threadCount: 2)
        let product = try #require(
            try PackedDense(
                weight: Tensor(weight, shape: [rows, columns]), input: input, arithmetic: .float32, pieceCount: 3,
                copyCount: 2, pool: pool))
        for copy in 0..<2 {
            product.run(copy: copy)
            for (index, value) in product.output.enumerated() {
                let (token, row) = (index / rows, index % rows)
                let expected = (0..<columns).reduce(Float(0)) {
                    $0 + input[token * columns + $1] * weight[row * columns + $1]
                }
                #expect(value == expected)
            }
        }
    }

    @Test func cacheSizesAndFieldsOfTheSystemAreRead() {
        #expect(Processor.byteCount(ofCacheSize: "48K\n") == 48 << 10)
        #expect(Processor.byteCount(ofCacheSize: "260M") == 260 << 20)
        #expect(Processor.byteCount(ofCacheSize: "K") == nil && Processor.byteCount(ofCacheSize: "-1K") == nil)
        #expect(Processor.kilobytes(of: "VmHWM", in: "VmPeak:\t 10 kB\nVmHWM:\t  123 kB\n") == 123)
        #expect(Processor.kilobytes(of: "VmHWM", in: "") == nil)
        let text = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Xeon\nstepping\t: 8\n"
        #expect(Processor.name(inProcessorInformation: text) == "GenuineIntel 6/143/8 Xeon")
        #expect(Processor.name(inProcessorInformation: "") == "unknown processor")
    }

    @Test func lastLevelCachesOfAllProcessorsCountOnce() {
        // Two chiplets with two processors each, and one cache of 32 MiB a chiplet; the second level is smaller but its own.
        func text(_ path: String) -> String? {
            let parts = path.split(separator: "/")
            guard let processor = Int(parts[0].dropFirst(3)), parts[1] == "cache" else { return nil }
            let chiplet = processor < 2 ? "0-1\n" : "2-3\n"
            switch (parts[2], parts[3]) {
            case ("index0", "level"): return "3\n"
            case ("index0", "size"): return "32768K\n"
            case ("index0", "shared_cpu_list"): return chiplet
            case ("index1", "level"): return "2\n"
            case ("index1", "size"): return "1M\n"
            case ("index1", "shared_cpu_list"): return "\(processor)\n"
            default: return nil
            }
        }
        #expect(Processor.processors(inList: "0-2,7\n") == [0, 1, 2, 7])
        #expect(Processor.processors(inList: "").isEmpty && Processor.processors(inList: "3-1,-").isEmpty)
        #expect(Processor.lastLevelCacheBytes(processors: [0, 1, 2, 3], text: text) == 64 << 20)
        #expect(Processor.lastLevelCacheBytes(processors: [1], text: text) == 32 << 20)
        #expect(Processor.lastLevelCacheBytes(processors: [0]) { _ in nil } == nil)
    }

    @Test func peaksArePositive() {
        let peak = MachinePeak.measure(pool: ThreadPool(threadCount: 1))
        #expect(peak.float32Operations > 0 && peak.readBytes > 0 && peak.operations >= peak.float32Operations)
    }
}
