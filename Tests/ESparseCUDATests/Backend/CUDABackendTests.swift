// Every operation of the CUDA backend against the reference, on the emulated device.

import ESparseCUDA
import ESparseCore
import ESparseTestSupport
import Testing

@Suite(.serialized) struct CUDABackendTests {
    @Test(arguments: HalfType.allCases) func layersAgree(_ type: HalfType) throws { try check(Scenarios.layers, type) }

    @Test(arguments: HalfType.allCases) func linearsAgree(_ type: HalfType) throws {
        try check(Scenarios.linears, type)
    }

    @Test(arguments: HalfType.allCases) func attentionsAgree(_ type: HalfType) throws {
        try check(Scenarios.attentions, type, repeats: 3)
    }

    /// The first `repeats` scenarios run twice: emulation is slow.
    private func check(_ scenarios: [any BackendScenario], _ type: HalfType, repeats: Int = .max) throws {
        let backend = try EmulatedBackend.make(type)
        for (index, scenario) in scenarios.enumerated() {
            let values = try scenario.values(on: backend)
            let reference = try scenario.values(on: ReferenceBackend())
            let error = normalizedMeanSquaredError(values, reference)
            #expect(error <= scenario.halfBound, "\(scenario)")
            // The same bits every time.
            guard index < repeats else { continue }
            #expect(try scenario.values(on: backend).map(\.bitPattern) == values.map(\.bitPattern), "\(scenario)")
        }
    }

    /// The prompt of a sequence may come in any pieces.
    @Test(arguments: [[70], [1, 69], [33, 4, 33], [64, 6], [2, 2, 2, 2, 62]])
    func chunkedPrefillEqualsWhole(_ chunks: [Int]) throws {
        func scenario(_ calls: [[Int]]) -> AttentionScenario {
            AttentionScenario(
                headCount: 4, keyValueHeadCount: 2, headSize: 64, frequencyCount: 32, isPermuted: true, calls: calls)
        }
        let backend = try EmulatedBackend.make(.bfloat16)
        let channels = 4 * 64
        let whole = try scenario([[70]]).values(on: backend)
        let pieces = try scenario(chunks.map { [$0] }).values(on: backend)
        var layers: [[Float]] = [[], []]
        var place = 0
        for count in chunks {
            for layer in 0..<2 {
                layers[layer] += pieces[place..<place + count * channels]
                place += count * channels
            }
        }
        // Tiles round the weights of the values, too.
        #expect(normalizedMeanSquaredError(layers[0] + layers[1], whole) < 1e-5)
    }

    @Test func copiesOfActivationsAndCachesAreIndependent() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 2, scale: 0, rotaryFrequencies: nil, outputPermutation: nil)
        let attention = try backend.prepareAttention(shape)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 2, keyValueHeadCount: 1, headSize: 2))
        func attend(_ values: [Float], at start: Int, _ cache: inout CUDAKeyValueCache) -> [Float] {
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
        #expect(attend([0, 0], at: 1, &cache) == [1, 2])
        _ = attend([6, 6], at: 0, &copy)
        #expect(attend([0, 0], at: 1, &cache) == [1, 2])
    }

    @Test func resultsKeepTheirPrecisionWhereItCounts() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        let linear = try backend.prepareLinear(
            LinearWeight(matrix: .dense(try Tensor([1, 1, 1, -1], shape: [2, 2]))), bias: nil)
        let input = backend.activation([256, 1], channels: 2)
        // 257 and 255 need 9 bits; bfloat16 has 8.
        #expect(backend.floats(of: backend.logits(input, by: linear)) == [257, 255])
        #expect(backend.floats(of: backend.multiply(input, by: linear)) == [256, 255])
        var residual = backend.activation([0.001953125, 0], channels: 2)
        backend.multiply(input, by: linear, addingTo: &residual)
        #expect(backend.floats(of: residual) == [257.001953125, 255])
    }

    @Test func wrongShapesAreRefused() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        #expect(throws: CUDAWeightError.shape([3], role: "a normalisation's weight", expected: [4])) {
            _ = try backend.prepareNormalization(
                .layer, size: 4, weight: try Tensor([1, 2, 3], shape: [3]), bias: nil, epsilon: 0, permutation: nil)
        }
        #expect(throws: CUDAWeightError.shape([2], role: "a bias", expected: [1])) {
            _ = try backend.prepareLinear(
                LinearWeight(matrix: .dense(try Tensor([1, 2], shape: [1, 2]))), bias: try Tensor([1, 2], shape: [2]))
        }
        #expect(throws: CUDAWeightError.headSize(257)) {
            _ = try backend.prepareAttention(
                AttentionDescription(
                    headCount: 1, keyValueHeadCount: 1, headSize: 257, scale: 1, rotaryFrequencies: nil,
                    outputPermutation: nil))
        }
        #expect(throws: CUDAWeightError.elementType(.uint8, role: "an embedding table")) {
            _ = try backend.prepareEmbedding(
                try Tensor(elementType: .uint8, shape: [1, 4], storage: ByteStorage(copying: [UInt8](0..<4))))
        }
    }

    /// A cache that no device could hold is an error, whether its size can be counted or not.
    @Test(arguments: [1 << 20, 1 << 8]) func largeCachesAreRefused(_ extent: Int) throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        #expect(throws: CUDAError.self) {
            _ = try backend.makeCache(
                CacheDescription(
                    layerCount: extent, sequenceCount: extent, capacity: extent, keyValueHeadCount: 8, headSize: 64))
        }
    }
}
