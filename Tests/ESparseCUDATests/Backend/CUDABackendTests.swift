// Every operation of the CUDA backend against the reference, on the emulated device.

import ESparseCUDA
import ESparseCore
import ESparseReference
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

    /// The prompt of a sequence may come in any pieces, also where it is long enough for other rotary frequencies.
    @Test(arguments: [[70], [1, 69], [33, 4, 33], [64, 6], [2, 2, 2, 2, 62]])
    func chunkedPrefillEqualsWhole(_ chunks: [Int]) throws {
        func scenario(_ calls: [[Int]]) -> AttentionScenario {
            AttentionScenario(
                headCount: 4, keyValueHeadCount: 2, headSize: 64, frequencyCount: 32, isPermuted: true,
                shortPositions: 40, isOneText: true, calls: calls)
        }
        let (pieces, whole) = try CacheChecks.chunkedPrefill(
            on: EmulatedBackend.make(.bfloat16), chunks: chunks, scenario)
        // Tiles round the weights of the values, too.
        #expect(normalizedMeanSquaredError(pieces, whole) < 1e-5)
    }

    @Test func copiesOfCachesAreIndependent() throws {
        for (found, expected) in try CacheChecks.copies(on: EmulatedBackend.make(.bfloat16), copy: { $0 }) {
            #expect(found == expected)
        }
    }

    /// Positions before a window are not read, by splits and by tiles.
    @Test(arguments: [(1, 1), (200, 1), (300, 3), (7, 100), (1, 70)])
    func hiddenPositionsAreNotRead(_ sizes: (window: Int, count: Int)) throws {
        let output = try CacheChecks.behindHidden(
            on: EmulatedBackend.make(.bfloat16), window: sizes.window, headSize: 64, count: sizes.count)
        #expect(output.count == sizes.count * 128 && output.allSatisfy { abs($0 - 1) < 0.01 })
    }

    @Test func resultsKeepTheirPrecisionWhereItCounts() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        let linear = try backend.prepareLinear(
            LinearWeight(matrix: .dense(try Tensor([1, 1, 1, -1], shape: [2, 2]))), bias: nil)
        let input = try backend.activation([256, 1], channels: 2)
        // 257 and 255 need 9 bits; bfloat16 has 8.
        #expect(try backend.floats(of: backend.logits(input, by: linear, softCap: nil)) == [257, 255])
        #expect(try backend.floats(of: backend.multiply(input, by: linear)) == [256, 255])
        var residual = try backend.activation([0.001953125, 0], channels: 2)
        try backend.multiply(input, by: linear, addingTo: &residual)
        #expect(try backend.floats(of: residual) == [257.001953125, 255])
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
        #expect(throws: CUDAWeightError.headCount(65_537)) {
            _ = try backend.prepareAttention(
                AttentionDescription(
                    headCount: 65_536, keyValueHeadCount: 1, headSize: 2, scale: 1, rotaryFrequencies: nil,
                    outputPermutation: nil))
        }
        #expect(throws: CUDAWeightError.elementType(.uint8, role: "an embedding table")) {
            _ = try backend.prepareEmbedding(
                try Tensor(elementType: .uint8, shape: [1, 4], storage: ByteStorage(copying: [UInt8](0..<4))), scale: 1)
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
