// Statistics gathered on the device against the processor's, from the same activations.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparsePruning
import Testing

@Suite(.serialized) struct DeviceStatisticsTests {
    private func expectSameBits<D: ChannelProducts>(
        _ host: SiteSums<GramMatrix>, _ device: SiteSums<D>, _ comment: Comment
    ) {
        let (left, right) = (host.range, device.range)
        #expect(left.tokenCount == right.tokenCount && left.sequenceCount == right.sequenceCount, comment)
        // NaN has many patterns.
        func bits(_ values: [Double]) -> [UInt64] { values.map { $0.isNaN ? 0 : $0.bitPattern } }
        #expect(bits(left.sum) == bits(right.sum), comment)
        #expect(bits(left.sumOfSquares) == bits(right.sumOfSquares), comment)
        #expect(left.minimum == right.minimum && left.maximum == right.maximum, comment)
        #expect(host.counts == device.counts && host.counts != nil, comment)
    }

    private func lowerTriangle<Products: ChannelProducts>(_ sums: SiteSums<Products>) throws -> [Float] {
        let gram = try #require(sums.products).gram()
        return (0..<gram.channels).flatMap { row in
            gram.values[(row * gram.channels)...(row * gram.channels + row)]
        }
    }

    @Test(arguments: [(1, 8, 0, false), (70, 33, 0, false), (70, 33, 3, false), (130, 40, 1, true), (65, 136, 0, true)])
    func momentsAndCountsHaveTheSameBits(_ tokens: Int, _ channels: Int, _ skipped: Int, _ inHalf: Bool) throws {
        for type in inHalf ? HalfType.allCases : [.bfloat16] {
            let backend = try emulatedBackend(type)
            var random = SeededRandom(seed: 5)
            var sequences: [CUDAActivation] = []
            for _ in 0..<3 {
                var values = drawn(&random, tokens * channels)
                // A constant channel, and one of zeros.
                for token in 0..<tokens {
                    values[token * channels + 2] = 3
                    values[token * channels + 5] = 0
                }
                sequences.append(try backend.activation(values, channels: channels, inHalf: inHalf))
            }
            let expected = try gathered(
                on: processor(for: backend), sequences, channels: channels, skipping: skipped)
            let found = try gathered(on: backend.pruning, sequences, channels: channels, skipping: skipped)
            expectSameBits(expected, found, "\(type)")
            #expect(found.range.tokenCount == 3 * (tokens - skipped))
            #expect(found.range.minimum[2] == 3 && found.range.maximum[2] == 3)
            // Sums of products round in another order.
            let (host, device) = (try lowerTriangle(expected), try lowerTriangle(found))
            let diagonal = expected.range.sumOfSquares
            var place = 0
            for row in 0..<channels {
                for column in 0...row {
                    let scale = (diagonal[row] * diagonal[column]).squareRoot()
                    #expect(abs(Double(host[place]) - Double(device[place])) <= 1e-5 * scale)
                    place += 1
                }
            }
        }
    }

    /// Small whole numbers: every sum is exact, so the products have the same bits, too.
    @Test(arguments: [false, true]) func exactProductsAreTheSame(_ inHalf: Bool) throws {
        let backend = try emulatedBackend()
        var random = SeededRandom(seed: 9)
        let channels = 24
        let sequences = try (0..<3).map { _ in
            let values = (0..<50 * channels).map { _ in Float(random.integer(below: 15) - 7) }
            return try backend.activation(values, channels: channels, inHalf: inHalf)
        }
        for skipped in [0, 1] {
            let host = try gathered(on: processor(for: backend), sequences, channels: channels, skipping: skipped)
            let device = try gathered(on: backend.pruning, sequences, channels: channels, skipping: skipped)
            #expect(try lowerTriangle(host) == lowerTriangle(device))
        }
    }

    @Test func hostileValuesCountAsOnTheProcessor() throws {
        let backend = try emulatedBackend()
        let hostile: [Float] = [
            .nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -.leastNormalMagnitude / 2, 3e38, -3e38, 1,
            -1,
        ]
        var random = SeededRandom(seed: 3)
        let channels = 9
        for values in [0, 1].map({ _ in (0..<40 * channels).map { _ in hostile[random.integer(below: hostile.count)] } }
        ) {
            let sequence = try backend.activation(values, channels: channels)
            let host = try gathered(
                on: processor(for: backend), [sequence, sequence], channels: channels, skipping: 0, sumsProducts: false)
            let device = try gathered(
                on: backend.pruning, [sequence, sequence], channels: channels, skipping: 0, sumsProducts: false)
            expectSameBits(host, device, "hostile")
            #expect(device.products == nil)
            #expect(throws: PruningError.self) { try device.range.validate(site: "hostile") }
        }
    }

    /// The statistics that a method asks for come out the same from the sums of either.
    @Test func entropiesAreTheSame() throws {
        let backend = try emulatedBackend()
        var random = SeededRandom(seed: 4)
        let values = drawn(&random, 300 * 16)
        let sequence = try backend.activation(values, channels: 16, inHalf: true)
        func entropies<D: PruningDevice<CUDAActivation>>(_ device: D) throws -> [Double] {
            let sums = try gathered(on: device, [sequence], channels: 16, skipping: 0)
            var histogram = EntropyEstimator.logarithmic.histogram(range: sums.range, bins: 100)
            histogram.add(kernelCounts: sums.counts ?? [])
            return ChannelStatistics(range: sums.range, histogram: histogram).entropies(.logarithmic)
        }
        let (host, device) = (try entropies(processor(for: backend)), try entropies(backend.pruning))
        #expect(host == device && host.allSatisfy { $0 > 0 })
    }
}
