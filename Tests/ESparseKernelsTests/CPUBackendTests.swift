// Every operation of the CPU backend against the reference, for every precision and instruction set of this machine.

import ESparseCore
import ESparseKernels
import ESparseTestSupport
import Testing

/// A way to run the CPU backend.
struct CPUConfiguration: Sendable, CustomStringConvertible {
    let precision: Precision
    let instructionSet: InstructionSet

    static let all = InstructionSet.available.flatMap { instructionSet in
        [Precision.float32, .bfloat16].map { CPUConfiguration(precision: $0, instructionSet: instructionSet) }
    }

    var description: String { "\(instructionSet) \(precision)" }

    func backend(threads: Int) -> CPUBackend {
        CPUBackend(precision: precision, threadCount: threads, instructionSet: instructionSet)
    }
}

@Suite struct CPUBackendTests {
    @Test(arguments: CPUConfiguration.all)
    func layersAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.layers, configuration) }

    @Test(arguments: CPUConfiguration.all)
    func linearsAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.linears, configuration) }

    @Test(arguments: CPUConfiguration.all)
    func attentionsAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.attentions, configuration) }

    /// One thread agrees with the reference, and two threads agree with one to the last bit.
    private func check(_ scenarios: [any BackendScenario], _ configuration: CPUConfiguration) throws {
        let single = configuration.backend(threads: 1)
        let double = configuration.backend(threads: 2)
        for scenario in scenarios {
            let values = try scenario.values(on: single)
            let reference = try scenario.values(on: ReferenceBackend())
            let error = normalizedMeanSquaredError(values, reference)
            let bound = configuration.precision == .float32 ? scenario.singleBound : scenario.bfloat16Bound
            #expect(error <= bound, "\(scenario)")
            #expect(try scenario.values(on: double).map(\.bitPattern) == values.map(\.bitPattern), "\(scenario)")
        }
    }

    /// The prompt of a sequence may come in any pieces.
    @Test(arguments: CPUConfiguration.all, [[70], [1, 69], [33, 4, 33], [64, 6], [2, 2, 2, 2, 62]])
    func chunkedPrefillEqualsWhole(_ configuration: CPUConfiguration, _ chunks: [Int]) throws {
        func scenario(_ calls: [[Int]]) -> AttentionScenario {
            AttentionScenario(
                headCount: 6, keyValueHeadCount: 2, headSize: 20, frequencyCount: 10, isPermuted: true, calls: calls)
        }
        let backend = configuration.backend(threads: 1)
        let channels = 6 * 20
        let whole = try scenario([[70]]).values(on: backend)
        let pieces = try scenario(chunks.map { [$0] }).values(on: backend)
        // Outputs come call by call, layer by layer: put the pieces of each layer together.
        var layers: [[Float]] = [[], []]
        var place = 0
        for count in chunks {
            for layer in 0..<2 {
                layers[layer] += pieces[place..<place + count * channels]
                place += count * channels
            }
        }
        #expect(normalizedMeanSquaredError(layers[0] + layers[1], whole) < 1e-11)
    }

    @Test func copiesOfActivationsAndCachesAreIndependent() throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 1)
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 2, scale: 0, rotaryFrequencies: nil, outputPermutation: nil)
        let attention = try backend.prepareAttention(shape)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 2, keyValueHeadCount: 1, headSize: 2))
        func attend(_ values: [Float], at start: Int, _ cache: inout CPUKeyValueCache) -> [Float] {
            let activation = backend.activation(values, channels: 2)
            let batch = TokenBatch([.init(sequence: 0, start: start, count: 1)])
            return backend.floats(
                of: backend.attend(
                    query: activation, key: activation, value: activation, batch: batch, layer: 0, with: attention,
                    cache: &cache))
        }
        // With a scale of 0 every key weighs the same, so the output is the mean of the values.
        #expect(attend([2, 4], at: 0, &cache) == [2, 4])
        var copy = cache
        #expect(attend([4, 8], at: 1, &copy) == [3, 6])
        var separate = try cache.copy()
        #expect(attend([0, 0], at: 1, &cache) == [1, 2])
        #expect(attend([4, 8], at: 1, &separate) == [3, 6])
        _ = attend([6, 6], at: 0, &copy)
        #expect(attend([0, 0], at: 1, &cache) == [1, 2])
    }

    @Test func wrongShapesAreRefused() throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 1)
        #expect(
            throws: KernelError.shape([3], role: "a normalisation's weight", expected: [4])
        ) {
            _ = try backend.prepareNormalization(
                .layer, size: 4, weight: try Tensor([1, 2, 3], shape: [3]), bias: nil, epsilon: 0, permutation: nil)
        }
        #expect(throws: KernelError.self) {
            _ = try backend.makeCache(
                CacheDescription(
                    layerCount: 1 << 20, sequenceCount: 1 << 20, capacity: 1 << 20, keyValueHeadCount: 8, headSize: 64))
        }
        #expect(throws: KernelError.elementType(.uint8, role: "an embedding table")) {
            _ = try backend.prepareEmbedding(
                try Tensor(elementType: .uint8, shape: [1, 4], storage: ByteStorage(copying: [UInt8](0..<4))))
        }
    }

    /// The functions keep their relative precision over the whole range, where a mean squared error sees the large only.
    @Test(arguments: CPUConfiguration.all.filter { $0.precision == .float32 })
    func activationFunctionsKeepRelativePrecision(_ configuration: CPUConfiguration) {
        let backend = configuration.backend(threads: 1)
        let points = (-8000...9000).map { Float($0) / 100 + 0.001 }
        let input = backend.activation(points, channels: 1)
        let silu = backend.floats(of: backend.apply(.silu, to: input))
        let worst = zip(points, silu).map { point, value in
            abs(Double(value) / ActivationFunction.silu.value(at: Double(point)) - 1)
        }.max()
        #expect(worst ?? 1 < 1e-6)
        let extremes = backend.activation([-1e30, -100, 100, 1e30, .nan], channels: 1)
        let limits = backend.floats(of: backend.apply(.silu, to: extremes))
        #expect(limits[0] == 0 && limits[1] == 0 && limits[2] == 100 && limits[3] == 1e30 && limits[4].isNaN)
    }
}
