// Statistics gathered on the device against the processor's, from the same activations.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparsePruning
import Testing

@Suite(.serialized) struct DeviceStatisticsTests {
    private func calibrations(_ backend: CUDABackend) -> [any CalibrationArithmetic<CUDAActivation>] {
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 2), instructionSet: .forExactKernels)
        return [HostCalibration(backend: backend, kernels: kernels), backend.pruning]
    }

    private func expectSameBits(_ sums: [SiteSums], _ comment: Comment) {
        let (host, device) = (sums[0], sums[1])
        #expect(host.tokenCount == device.tokenCount && host.sequenceCount == device.sequenceCount, comment)
        // NaN has many patterns.
        func bits(_ values: [Double]) -> [UInt64] { values.map { $0.isNaN ? 0 : $0.bitPattern } }
        #expect(bits(host.sums) == bits(device.sums), comment)
        #expect(bits(host.squareSums) == bits(device.squareSums), comment)
        #expect(host.minimums == device.minimums && host.maximums == device.maximums, comment)
        #expect(host.counts == device.counts && host.counts != nil, comment)
    }

    private func lowerTriangle(_ sums: SiteSums, _ channels: Int) throws -> [Float] {
        let values = try #require(sums.products).values()
        return (0..<channels).flatMap { row in values[(row * channels)...(row * channels + row)] }
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
            let sums = try gathered(calibrations(backend), sequences, channels: channels, skipping: skipped)
            expectSameBits(sums, "\(type)")
            #expect(sums[1].tokenCount == 3 * (tokens - skipped))
            #expect(sums[1].minimums[2] == 3 && sums[1].maximums[2] == 3)
            // Sums of products round in another order.
            let (host, device) = (try lowerTriangle(sums[0], channels), try lowerTriangle(sums[1], channels))
            let diagonal = sums[0].squareSums
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
            let sums = try gathered(calibrations(backend), sequences, channels: channels, skipping: skipped)
            #expect(try lowerTriangle(sums[0], channels) == lowerTriangle(sums[1], channels))
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
            let sequence = backend.activation(values, channels: channels)
            let sums = try gathered(
                calibrations(backend), [sequence, sequence], channels: channels, skipping: 0, sumsProducts: false)
            expectSameBits(sums, "hostile")
            #expect(sums[1].products == nil)
            #expect(throws: PruningError.self) { try RangeStatistics(sums[1]).validate(site: "hostile") }
        }
    }

    /// The statistics that a method asks for come out the same from the sums of either.
    @Test func entropiesAreTheSame() throws {
        let backend = try emulatedBackend()
        var random = SeededRandom(seed: 4)
        let values = drawn(&random, 300 * 16)
        let sequence = try backend.activation(values, channels: 16, inHalf: true)
        let sums = try gathered(calibrations(backend), [sequence], channels: 16, skipping: 0)
        let estimates = sums.map { sums in
            let range = RangeStatistics(sums)
            var histogram = EntropyEstimator.logarithmic.histogram(range: range, bins: 100)
            histogram.add(kernelCounts: sums.counts ?? [])
            return ChannelStatistics(range: range, histogram: histogram).entropies(.logarithmic)
        }
        #expect(estimates[0] == estimates[1] && estimates[0].allSatisfy { $0 > 0 })
    }
}
