// Statistics, saliencies, masks and the global shuffle against PyTorch (scripts/fixtures/pruning_reference.py).

import ESparseCore
import ESparsePruning
import FoundationEssentials
import Testing

/// The fixture file; see the script for what each entry holds.
private struct Reference: Decodable {
    let sequences: Int
    let channels: Int
    let rows: Int
    let bins: Int
    let tokens: [Float]
    let weight: [Float]
    let entropy: [String: [Double]]
    let amplitude: [String: [Double]]
    let wanda: [Float]
    let paper: [Float]
    let mask24: [Int]
    let mask48: [Int]
    let ranking: [Int32]
    let straight: [Int32]
    let snake: [Int32]

    enum CodingKeys: String, CodingKey {
        case sequences, channels, rows, bins, tokens, weight, entropy, amplitude, wanda, paper, ranking, straight, snake
        case mask24 = "wandaMask2:4"
        case mask48 = "wandaMask4:8"
    }

    static func load() throws -> Reference {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let data = try Data(contentsOf: folder.appending(path: "Fixtures/pruning_reference.json"))
        return try JSONDecoder().decode(Reference.self, from: data)
    }

    func statistics(_ requirement: StatisticsRequirement) -> ChannelStatistics {
        var range = RangeStatistics(channelCount: channels)
        let length = tokens.count / sequences
        for sequence in 0..<sequences {
            range.accumulate(Array(tokens[(sequence * length)..<((sequence + 1) * length)]).span)
            range.endSequence()
        }
        guard case .histogram(let estimator, let bins) = requirement else { return ChannelStatistics(range: range) }
        var histogram = estimator.histogram(range: range, bins: bins)
        histogram.accumulate(tokens.span)
        return ChannelStatistics(range: range, histogram: histogram)
    }

    func saliency(_ method: some PruningMethod) -> [Float] {
        method.saliency(weight: weight, rows: rows, columns: channels, statistics: statistics(method.requirement))
    }
}

private func expectClose(_ values: [Float], _ expected: [Float], _ tolerance: Float) {
    #expect(values.count == expected.count)
    for (value, reference) in zip(values, expected) {
        #expect(abs(value - reference) <= tolerance * abs(reference))
    }
}

@Suite struct ReferenceFixtureTests {
    @Test(arguments: EntropyEstimator.allCases)
    func entropies(_ estimator: EntropyEstimator) throws {
        let reference = try Reference.load()
        let values = reference.statistics(.histogram(estimator, bins: reference.bins)).entropies(estimator)
        let expected = try #require(reference.entropy[estimator.rawValue])
        #expect(values.count == expected.count)
        for (channel, (value, exact)) in zip(values, expected).enumerated() {
            #expect(abs(value - exact) <= 1e-9 * max(exact, 1), "channel \(channel)")
        }
    }

    @Test(arguments: AmplitudeScale.allCases)
    func amplitudes(_ scale: AmplitudeScale) throws {
        let reference = try Reference.load()
        let values = reference.statistics(.range).amplitudes(scale)
        let expected = try #require(reference.amplitude[scale.rawValue])
        for (value, exact) in zip(values, expected) { #expect(abs(value - exact) <= 1e-12 * exact) }
    }

    @Test func scores() throws {
        let reference = try Reference.load()
        expectClose(reference.saliency(Wanda()), reference.wanda, 1e-6)
        expectClose(reference.saliency(ESparse.paper), reference.paper, 1e-6)
        #expect(reference.saliency(Magnitude()) == reference.weight.map { abs($0) })
    }

    @Test func wandaMasks() throws {
        let reference = try Reference.load()
        let saliency = reference.saliency(Wanda())
        for (pattern, expected) in [(SparsityPattern.twoOfFour, reference.mask24), (.fourOfEight, reference.mask48)] {
            let bits = Mask.bits(
                saliency: saliency, rows: reference.rows, columns: reference.channels, pattern: pattern,
                permutation: nil, parallel: serial)
            let unpacked = expected.indices.map { (index: Int) -> Int in Int((bits[index / 8] >> UInt8(index % 8)) & 1)
            }
            #expect(unpacked == expected)
        }
    }

    @Test func globalShuffle() throws {
        let reference = try Reference.load()
        let matrix = SaliencyMatrix(reference.saliency(Wanda()), columns: reference.channels)
        #expect(GlobalShuffle().ranking(of: [matrix]) == reference.ranking)
        for (dealing, expected) in [(GlobalShuffle.Dealing.straight, reference.straight), (.snake, reference.snake)] {
            let order = GlobalShuffle(dealing: dealing).permutation(of: [matrix], pattern: .twoOfFour).order
            #expect(order == expected)
        }
    }
}
