// Generation on the emulated GPU, where steps of decoding are recorded and tokens drawn on the device: the tokens are those that the host
// draws from the logits of the same backend's operations one by one.

import ESparseCUDA
import ESparseCore
import ESparseModels
import ESparseTestSupport
import Testing

@Suite(.serialized) struct GeneratorCUDATests {
    private let backend: CUDABackend

    init() throws {
        let toolkit = try CUDAToolkit.load(
            LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false))
        backend = try CUDABackend(type: .bfloat16, toolkit: toolkit, cache: nil)
    }

    private static let rules: [(Float, Int?, Float?)] = [(0, nil, nil), (1.3, nil, nil), (0.8, 20, 0.9), (1, 5, nil)]

    /// Each sequence on its own, by the model's logits and the host's sampler.
    private func plain(
        _ model: LanguageModel<CUDABackend>, _ request: GenerationRequest, stream: Int, _ settings: GenerationSettings
    ) throws -> [Int32] {
        var sampler = Sampler(settings.sampling, random: SeededRandom(seed: settings.seed, stream: UInt64(stream)))
        var cache = try model.makeCache(
            sequenceCount: 1, capacity: request.prompt.count + request.maximumTokens)
        var pending = request.prompt
        var tokens: [Int32] = []
        while tokens.count < request.maximumTokens {
            let batch = TokenBatch([.init(sequence: 0, start: cache.lengths[0], count: pending.count)])
            let logits = try model.logits(pending, batch: batch, cache: &cache)
            let token = try sampler.sample(model.backend.floats(of: logits).span)
            if settings.stopTokens.contains(token) { break }
            tokens.append(token)
            pending = [token]
        }
        return tokens
    }

    /// Sequences of different lengths that start and end at different times, in batches of many sizes.
    @Test(arguments: ["llama-grouped-tied", "opt-plain", "opt-projected-post-norm"], 0..<4)
    func drawsAsTheHostDoes(_ name: String, _ rule: Int) throws {
        let (temperature, topK, topP) = Self.rules[rule]
        let settings = GenerationSettings(
            sampling: try SamplingSettings(temperature: temperature, topK: topK, topP: topP), seed: 5,
            stopTokens: [3, 11], chunkSize: 8)
        let requests = (0..<4).map { index in
            GenerationRequest(prompt: (0...Int32(5 * index)).map { 4 + $0 }, maximumTokens: 9 - index)
        }
        let model = try ModelFixture(name).model(on: backend)
        let expected = try requests.enumerated().map { try plain(model, $1, stream: $0, settings) }
        for batchSize in [1, 3] {
            let found = try Generator(model: model, settings: settings).generate(requests, batchSize: batchSize)
            #expect(found.map(\.tokens) == expected)
        }
        #expect(expected.contains { $0.count > 4 })
    }

    /// A recorded step reads the table by the token without another look at it.
    @Test func recordedStepsRefuseUnknownTokens() throws {
        let model = try ModelFixture("llama-plain").model(on: backend)
        let settings = GenerationSettings(sampling: try SamplingSettings(temperature: 0), seed: 0, stopTokens: [])
        let requests = [4, 97].map { GenerationRequest(prompt: [$0], maximumTokens: 6) }
        let error = #expect(throws: ModelError.self) {
            _ = try Generator(model: model, settings: settings).generate(requests, batchSize: 1)
        }
        #expect(error == ModelError.tokenOutsideVocabulary(97, vocabularySize: 97))
    }

    /// The recorded step of one prompt length serves all positions of its class, across the edge of a split as well.
    @Test func longSequencesCrossSplits() throws {
        let model = try ModelFixture("llama-plain").model(on: backend)
        let settings = GenerationSettings(sampling: try SamplingSettings(temperature: 1.5), seed: 1)
        let request = GenerationRequest(prompt: (0..<250).map { Int32($0 % 90) }, maximumTokens: 14)
        let found = try Generator(model: model, settings: settings).generate([request])
        #expect(try found[0].tokens == plain(model, request, stream: 0, settings))
    }

    @Test(arguments: ["llama-plain", "opt-projected-untied"]) func greedyEqualsTransformers(_ name: String) throws {
        let half = try CUDABackend(
            type: .float16,
            toolkit: CUDAToolkit.load(LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false)),
            cache: nil)
        try ForwardChecks(backend: half, tolerance: 0.01).greedyEqualsTransformers(name, chunkSize: 512)
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
            let settings = GenerationSettings(sampling: try SamplingSettings(temperature: temperature))
            for prompt in [[5], [5, 6, 7]] as [[Int32]] {
                #expect(throws: ModelError.logitsNotFinite) {
                    try Generator(model: model, settings: settings).generate([
                        GenerationRequest(prompt: prompt, maximumTokens: 4)
                    ])
                }
            }
        }
    }
}
