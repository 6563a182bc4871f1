// The reference backend against values worked out by hand.

import ESparseCore
import ESparseReference
import Testing

@Suite struct ReferenceBackendTests {
    private let backend = ReferenceBackend()

    @Test func normalizes() throws {
        let input = backend.activation([3, 4], channels: 2)
        let order = try #require(Permutation([1, 0]))
        let rootMeanSquare = try backend.prepareNormalization(
            .rootMeanSquare, size: 2, weight: try Tensor([2, 10], shape: [2]), bias: nil, epsilon: 0,
            permutation: order)
        // mean of squares 12.5
        let normalized = backend.normalize(input, with: rootMeanSquare).values
        for (value, expected) in zip(normalized, [11.3137085, 1.69705627] as [Float]) {
            #expect(abs(value - expected) < 1e-5)
        }
        let layer = try backend.prepareNormalization(
            .layer, size: 2, weight: nil, bias: try Tensor([7, 9], shape: [2]), epsilon: 0, permutation: nil)
        #expect(backend.normalize(input, with: layer).values == [6, 10])
    }

    @Test func normalizesRuns() throws {
        let input = backend.activation([3, 4, 0, 10, 1, 1, 6, 8], channels: 4)
        let normalization = try backend.prepareNormalization(
            .rootMeanSquare, size: 2, weight: try Tensor([1, 2], shape: [2]), bias: nil, epsilon: 0, permutation: nil)
        // Means of squares are 12.5, 50, 1 and 50.
        let expected: [Float] = [0.8485281, 2.2627417, 0, 2.8284271, 1, 2, 0.8485281, 2.2627417]
        for (value, expected) in zip(backend.normalize(input, with: normalization).values, expected) {
            #expect(abs(value - expected) < 1e-6)
        }
    }

    @Test func scalesEmbeddings() throws {
        let table = try backend.prepareEmbedding(try Tensor([1, 2, 3, -4], shape: [2, 2]), scale: 2.5)
        #expect(backend.embed([1, 0, 1], in: table).values == [7.5, -10, 2.5, 5, 7.5, -10])
    }

    @Test func multipliesSparse() throws {
        // Row 0 keeps columns 1 and 2, row 1 columns 0 and 3.
        let matrix = try SparseMatrix(
            rows: 2, columns: 4, pattern: .twoOfFour, values: try Tensor([5, 6, 7, 8], shape: [2, 2]),
            bitmask: try Tensor(
                elementType: .uint8, shape: [2, 1], storage: ByteStorage(copying: [UInt8(0b0110), 0b1001])))
        #expect(try matrix.decompressedFloats() == [0, 5, 6, 0, 7, 0, 0, 8])
        let linear = try backend.prepareLinear(
            LinearWeight(matrix: .sparse(matrix)), bias: try Tensor([100, 200], shape: [2]))
        let input = backend.activation([1, 2, 3, 4], channels: 4)
        #expect(backend.multiply(input, by: linear).values == [128, 239])
        var residual = backend.activation([1, 1], channels: 2)
        backend.multiply(input, by: linear, addingTo: &residual)
        #expect(residual.values == [129, 240])
    }

    @Test func turnsPairsAsHuggingFaceDoes() {
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 5, scale: 1, rotaryFrequencies: [.pi / 2, .pi],
            outputPermutation: nil)
        // Pairs are (0, 2) and (1, 3); channel 4 is left alone.
        let turned = shape.rotated([1, 2, 3, 4, 5], position: 1, length: 2)
        for (value, expected) in zip(turned, [-3, -2, 1, -4, 5] as [Float]) { #expect(abs(value - expected) < 1e-6) }
    }

    @Test func longSequencesTurnOtherwise() {
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 3, scale: 1, rotaryFrequencies: [.pi / 2], rotaryScale: 3,
            longRotary: LongRotary(frequencies: [.pi / 4], afterPositions: 8), outputPermutation: nil)
        // Position 2 is half a turn in sequences of up to 8 positions, else a quarter; channel 2 is neither turned nor scaled.
        for (length, expected) in [(8, [-3, -6, 5]), (9, [-6, 3, 5])] as [(Int, [Float])] {
            for (value, expected) in zip(shape.rotated([1, 2, 5], position: 2, length: length), expected) {
                #expect(abs(value - expected) < 1e-5)
            }
        }
    }

    @Test func descriptionsTellAttentionsApart() {
        func description(isOneText: Bool) -> String {
            AttentionScenario(
                headCount: 6, keyValueHeadCount: 2, headSize: 20, frequencyCount: 10, isPermuted: true, softCap: 3,
                shortPositions: 40, isOneText: isOneText, calls: [[1, 69]]
            ).description
        }
        let start = "attention 6/2 heads of 20, 10 frequencies, permuted, cap 3.0, short to 40, "
        #expect(description(isOneText: false) == start + "calls [[1, 69]]")
        #expect(description(isOneText: true) == start + "one text, calls [[1, 69]]")
    }

    /// The outputs of three tokens with these scores and values, on one head of one channel.
    private func attended(
        scores: [Float], values: [Float], softCap: Float? = nil, window: Int? = nil
    ) throws -> [Float] {
        let shape = AttentionDescription(
            headCount: 1, keyValueHeadCount: 1, headSize: 1, scale: 0.5, softCap: softCap, window: window,
            rotaryFrequencies: nil, outputPermutation: nil)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 3, keyValueHeadCount: 1, headSize: 1))
        return backend.attend(
            query: backend.activation([2, 2, 2], channels: 1), key: backend.activation(scores, channels: 1),
            value: backend.activation(values, channels: 1), batch: .wholeSequence(3), layer: 0,
            with: try backend.prepareAttention(shape), cache: &cache
        ).values
    }

    @Test func windowsHideWhatIsBeforeThem() throws {
        #expect(try attended(scores: [0, 0, 0], values: [6, 12, 24]) == [6, 9, 14])
        #expect(try attended(scores: [0, 0, 0], values: [6, 12, 24], window: 2) == [6, 9, 18])
        #expect(try attended(scores: [9, 0, 0], values: [6, 12, 24], window: 1) == [6, 12, 24])
        #expect(try attended(scores: [0, 0, 0], values: [6, 12, 24], window: 3) == [6, 9, 14])
    }

    @Test func softCapsBoundScores() throws {
        // tanh(ln 3) = 4/5: a score of 5 ln 3 becomes 4; of e^4 and e^0 the first is 0.98201.
        let scores: [Float] = [5 * 1.0986123, 0, 0]
        let capped = try attended(scores: scores, values: [1, 0, 0], softCap: 5)
        for (value, expected) in zip(capped, [1, 0.98201379, 0.96466316] as [Float]) {
            #expect(abs(value - expected) < 1e-6)
        }
    }

    @Test func softCapsBoundLogits() throws {
        let head = try backend.prepareLinear(
            LinearWeight(matrix: .dense(try Tensor([1.0986123, 0], shape: [2, 1]))), bias: nil)
        let hidden = backend.activation([2], channels: 1)
        // 2 ln 3 under a cap of 2 is 2 * 4/5.
        #expect(abs(backend.logits(hidden, by: head, softCap: 2).values[0] - 1.6) < 1e-6)
        let likelihood = backend.likelihoods(of: [0], hidden: hidden, head: head, softCap: 2)[0]
        #expect(abs(likelihood.negativeLogLikelihood - 0.18390074) < 1e-6)
    }

    @Test func attendsCausally() throws {
        let swapped = try #require(Permutation([1, 0]))
        // Two query heads share one key/value head; scores are 0 or ln 3, so weights are simple fractions.
        let shape = AttentionDescription(
            headCount: 2, keyValueHeadCount: 1, headSize: 1, scale: 1, rotaryFrequencies: nil,
            outputPermutation: swapped)
        let attention = try backend.prepareAttention(shape)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 2, keyValueHeadCount: 1, headSize: 1))
        let logarithm = Float(1.0986123)
        let output = backend.attend(
            query: backend.activation([1, 1, 0, 1], channels: 2), key: backend.activation([0, logarithm], channels: 1),
            value: backend.activation([10, 20], channels: 1), batch: .wholeSequence(2), layer: 0, with: attention,
            cache: &cache)
        // Token 0 sees itself; of token 1 head 0 weighs 1/2 and 1/2, head 1 1/4 and 3/4; heads are written swapped.
        for (value, expected) in zip(output.values, [10, 10, 17.5, 15] as [Float]) {
            #expect(abs(value - expected) < 1e-5)
        }
    }

    @Test func likelihoodOfEqualLogitsIsTheirNumber() throws {
        let head = try backend.prepareLinear(
            LinearWeight(matrix: .dense(try Tensor([1, 1, 1, 1], shape: [4, 1]))), bias: nil)
        let hidden = backend.activation([3], channels: 1)
        let likelihood = backend.likelihoods(of: [2], hidden: hidden, head: head, softCap: nil)[0]
        #expect(abs(likelihood.negativeLogLikelihood - 1.3862943611198906) < 1e-12)
        #expect(likelihood.isGreedy)
    }

    @Test func onlyTheLargestLogitIsGreedy() throws {
        let head = try backend.prepareLinear(
            LinearWeight(matrix: .dense(try Tensor([1, 3, 2], shape: [3, 1]))), bias: nil)
        let hidden = backend.activation([1, 1, 1, -1], channels: 1)
        let likelihoods = backend.likelihoods(of: [0, 1, 2, 0], hidden: hidden, head: head, softCap: nil)
        #expect(likelihoods.map(\.isGreedy) == [false, true, false, true])
    }
}
