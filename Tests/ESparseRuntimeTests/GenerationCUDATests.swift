// Generation on the emulated GPU, where steps of decoding are recorded and tokens drawn on the device: the tokens are those that the host
// draws from the logits of the same backend's operations one by one.

import ESparseCUDA
import ESparseCore
import ESparseModels
import ESparseRuntime
import ESparseTestSupport
import Testing

@Suite(.serialized) struct GenerationCUDATests {
    private let backend: CUDABackend

    init() throws {
        let toolkit = try CUDAToolkit.load(
            LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false))
        backend = try CUDABackend(type: .bfloat16, toolkit: toolkit, cache: nil)
    }

    private static let rules: [(Float, Int?, Float?)] = [(0, nil, nil), (1.3, nil, nil), (0.8, 20, 0.9), (1, 5, nil)]

    /// Each sequence on its own, by the model's logits and the host's sampler.
    private func plain(
        _ model: LanguageModel<CUDABackend>, _ request: GenerationRequest
    ) throws -> [Int32] {
        var sampler = Sampler(
            request.sampling, random: SeededRandom(seed: request.seed, stream: request.stream))
        var cache = try model.makeCache(
            sequenceCount: 1, capacity: request.prompt.count + request.maximumTokens)
        var pending = request.prompt
        var tokens: [Int32] = []
        while tokens.count < request.maximumTokens {
            let batch = TokenBatch([.init(sequence: 0, start: cache.lengths[0], count: pending.count)])
            let logits = try model.logits(pending, batch: batch, cache: &cache)
            let values = try model.backend.floats(of: logits)
            let token = try sampler.sample(values.span)
            if request.stopTokens.contains(token) { break }
            tokens.append(token)
            pending = [token]
        }
        return tokens
    }

    /// Sequences of different lengths that start and end at different times, in batches of many sizes.
    @Test(arguments: ["llama-grouped-tied", "opt-plain", "opt-projected-post-norm", "gemma2", "phi3"], 0..<4)
    func drawsAsTheHostDoes(_ name: String, _ rule: Int) throws {
        let (temperature, topK, topP) = Self.rules[rule]
        let sampling = try SamplingSettings(temperature: temperature, topK: topK, topP: topP)
        let requests = (0..<4).map { index in
            GenerationRequest(
                prompt: (0...Int32(5 * index)).map { 4 + $0 }, maximumTokens: 9 - index, sampling: sampling,
                stopTokens: [3, 11], seed: 5, stream: UInt64(index))
        }
        let model = try ModelFixture(name).model(on: backend)
        let expected = try requests.map { try plain(model, $0) }
        for slotCount in [1, 3] {
            let found = try generate(requests, with: model, slotCount: slotCount, chunkSize: 8)
            #expect(found.map(\.tokens) == expected)
        }
        #expect(expected.contains { $0.count > 4 })
    }

    /// Steps of sequences with different rules are not recorded; each sequence draws the tokens that it draws alone.
    @Test func rulesMayDiffer() throws {
        let model = try ModelFixture("llama-plain").model(on: backend)
        let requests = try Self.rules.enumerated().map { index, rule in
            GenerationRequest(
                prompt: [Int32(7 + index)], maximumTokens: 8 - index,
                sampling: try SamplingSettings(temperature: rule.0, topK: rule.1, topP: rule.2), seed: 5,
                stream: UInt64(index))
        }
        let expected = try requests.map { try plain(model, $0) }
        #expect(try generate(requests, with: model).map(\.tokens) == expected)
    }

    /// The recorded step of one prompt length serves all positions of its class, across the edge of a split as well.
    @Test func longSequencesCrossSplits() throws {
        let model = try ModelFixture("llama-plain").model(on: backend)
        let request = GenerationRequest(
            prompt: (0..<250).map { Int32($0 % 90) }, maximumTokens: 14,
            sampling: try SamplingSettings(temperature: 1.5), seed: 1)
        #expect(try generate([request], with: model)[0].tokens == plain(model, request))
    }

    @Test(arguments: ["llama-plain", "opt-projected-untied"] + ModelFixture.families)
    func greedyEqualsTransformers(_ name: String) throws {
        let half = try CUDABackend(
            type: .float16,
            toolkit: CUDAToolkit.load(LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false)),
            cache: nil)
        let fixture = try ModelFixture(name)
        let request = GenerationRequest(prompt: fixture.tokens, maximumTokens: fixture.continuation.count)
        let found = try generate([request], with: fixture.model(on: half))
        #expect(found == [GeneratedTokens(tokens: fixture.continuation, reason: .maximumTokens)])
    }

    /// Weights that make logits NaN end generation with the same error as on the host.
    @Test func damagedLogitsAreRefused() throws {
        let fixture = try ModelFixture("llama-plain")
        var weights = fixture.weights
        let name = "model.norm.weight"
        let norm = try weights.tensor(name)
        weights.tensors[name] = try Tensor([Float](repeating: .nan, count: norm.elementCount), shape: norm.shape)
        let model = try LanguageModel.load(
            configuration: fixture.configuration, weights: weights, backend: backend)
        for temperature: Float in [0, 1] {
            for prompt in [[5], [5, 6, 7]] as [[Int32]] {
                let request = GenerationRequest(
                    prompt: prompt, maximumTokens: 4, sampling: try SamplingSettings(temperature: temperature))
                #expect(throws: ModelError.logitsNotFinite) { try generate([request], with: model) }
            }
        }
    }
}
