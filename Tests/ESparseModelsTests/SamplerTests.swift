// Filters against transformers', drawing against the probabilities, and the refusal of damaged logits.

import ESparseCore
import ESparseModels
import FoundationEssentials
import Testing

/// One case of Fixtures/sampling.json.
struct SamplingCase: Decodable, Sendable, CustomStringConvertible {
    let temperature: Float
    let topK: Int?
    let topP: Float?
    let logits: [Float]
    let probabilities: [Double]

    var description: String { "temperature \(temperature), top-k \(topK ?? 0), top-p \(topP ?? 0)" }

    static func all() -> [SamplingCase] {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let data = try? Data(contentsOf: URL(filePath: "/\(folder)/Fixtures/sampling.json"))
        return data.flatMap { try? JSONDecoder().decode([SamplingCase].self, from: $0) } ?? []
    }
}

@Suite struct SamplerTests {
    private func sampler(_ settings: SamplingSettings, stream: UInt64 = 0) -> Sampler {
        Sampler(settings, random: SeededRandom(seed: 7, stream: stream))
    }

    @Test func fixturesAreThere() {
        #expect(SamplingCase.all().count == 10)
    }

    /// Among equal logits at the edge of the nucleus which ones stay is arbitrary, so probabilities are compared sorted.
    @Test(arguments: SamplingCase.all()) func filtersEqualTransformers(_ example: SamplingCase) throws {
        let settings = try SamplingSettings(
            temperature: example.temperature, topK: example.topK, topP: example.topP)
        let found = try sampler(settings).probabilities(example.logits.span)
        for (mine, theirs) in zip(found.sorted(), example.probabilities.sorted()) {
            #expect(abs(mine - theirs) < 2e-6)
        }
        for index in found.indices where found[index] > 0 && example.probabilities[index] > 0 {
            #expect(abs(found[index] - example.probabilities[index]) < 2e-6)
        }
    }

    /// Probabilities 1/2, 1/4, 1/8, 1/8: by hand.
    @Test func nucleusByHand() throws {
        let logits: [Float] = [0, 0.693_147_2, 1.386_294_4, 0]
        func probabilities(_ temperature: Float, _ topK: Int?, _ topP: Float?) throws -> [Double] {
            let settings = try SamplingSettings(temperature: temperature, topK: topK, topP: topP)
            return try sampler(settings).probabilities(logits.span).map { ($0 * 1000).rounded() / 1000 }
        }
        #expect(try probabilities(1, nil, nil) == [0.125, 0.25, 0.5, 0.125])
        #expect(try probabilities(1, nil, 0.7) == [0, 0.333, 0.667, 0])
        #expect(try probabilities(1, nil, 0.4) == [0, 0, 1, 0])
        #expect(try probabilities(1, 2, nil) == [0, 0.333, 0.667, 0])
        // The third largest has an equal: both stay.
        #expect(try probabilities(1, 3, nil) == [0.125, 0.25, 0.5, 0.125])
        // After top-k the best token has 2/3, which alone reaches 0.6; before it had only 1/2.
        #expect(try probabilities(1, 2, 0.6) == [0, 0, 1, 0])
        #expect(try probabilities(1, nil, 0.6) == [0, 0.333, 0.667, 0])
        // Temperature 2 makes the odds 2 : sqrt 2 : 1 : 1 before the nucleus is cut, so it keeps one more token.
        #expect(try probabilities(2, nil, 0.7).count { $0 > 0 } == 3)
        #expect(try probabilities(0, 2, 0.6) == [0, 0, 1, 0])
    }

    @Test func drawsFollowTheProbabilities() throws {
        let logits: [Float] = [0, 0.693_147_2, 1.386_294_4, -.infinity, 0]
        var drawing = sampler(try SamplingSettings(temperature: 1))
        let count = 40_000
        var counts = [Int](repeating: 0, count: 5)
        for _ in 0..<count { counts[Int(try drawing.sample(logits.span))] += 1 }
        for (found, probability) in zip(counts, [0.125, 0.25, 0.5, 0, 0.125]) {
            // Five standard deviations of a binomial count.
            let allowed = 5 * (Double(count) * probability * (1 - probability)).squareRoot()
            #expect(abs(Double(found) - Double(count) * probability) <= allowed)
        }
    }

    @Test func sameSeedSameDraws() throws {
        let logits = (0..<50).map { Float($0 % 7) / 3 }
        func draws(_ stream: UInt64) throws -> [Int32] {
            var drawing = sampler(try SamplingSettings(temperature: 1, topK: 20, topP: 0.9), stream: stream)
            return try (0..<30).map { _ in try drawing.sample(logits.span) }
        }
        #expect(try draws(0) == draws(0))
        #expect(try draws(0) != draws(1))
    }

    @Test func greedyTakesTheFirstOfEquals() throws {
        var greedy = sampler(.greedy)
        #expect(try greedy.sample([1, 3, 2, 3].span) == 1)
    }

    @Test(arguments: [[1, .nan, 2], [1, .infinity], [-.infinity, -.infinity], []] as [[Float]])
    func damagedLogitsAreRefused(_ logits: [Float]) throws {
        for settings in [SamplingSettings.greedy, try SamplingSettings(temperature: 1)] {
            var drawing = sampler(settings)
            #expect(throws: ModelError.logitsNotFinite) { try drawing.sample(logits.span) }
        }
    }

    @Test func settingsOutOfRangeAreRefused() {
        #expect(throws: ModelError.self) { try SamplingSettings(temperature: -0.1) }
        #expect(throws: ModelError.self) { try SamplingSettings(temperature: .nan) }
        #expect(throws: ModelError.self) { try SamplingSettings(temperature: 1, topK: 0) }
        #expect(throws: ModelError.self) { try SamplingSettings(temperature: 1, topP: 0) }
        #expect(throws: ModelError.self) { try SamplingSettings(temperature: 1, topP: 1.5) }
    }
}
