// The core of generation: independence of neighbours, stopping, limits, and what one request's failure means for others.

import ESparseCPU
import ESparseCore
import ESparseModels
import ESparseReference
import ESparseRuntime
import ESparseTestSupport
import Testing

@Suite struct GenerationBatchTests {
    private let requests: [GenerationRequest]

    init() throws {
        let sampling = try SamplingSettings(temperature: 1.2, topK: 30, topP: 0.95)
        requests = (0..<7).map { index in
            GenerationRequest(
                prompt: (0...Int32(3 * index)).map { 3 + $0 }, maximumTokens: 4 + index, sampling: sampling,
                stopTokens: [2, 5, 11], seed: 3, stream: UInt64(index))
        }
    }

    private func model(_ name: String) throws -> LanguageModel<ReferenceBackend> {
        try ModelFixture(name).model(on: ReferenceBackend())
    }

    /// Also in pieces of prompts, and where a request needs a larger cache than those before it.
    @Test(arguments: ["llama-grouped-tied", "opt-plain"]) func doesNotDependOnNeighbours(_ name: String) throws {
        let model = try model(name)
        let alone = try requests.map { try generate([$0], with: model)[0] }
        #expect(alone.allSatisfy { $0.reason != nil } && Set(alone.map(\.tokens)).count > 4)
        for slotCount in [1, 2, 3, 7] {
            #expect(try generate(requests, with: model, slotCount: slotCount, chunkSize: 16) == alone)
        }
    }

    /// Every request keeps its own rule, seed and stop tokens.
    @Test func rulesBelongToRequests() throws {
        let model = try model("llama-plain")
        var mixed = requests
        mixed[1].sampling = .greedy
        mixed[2].sampling = try SamplingSettings(temperature: 0.7)
        mixed[3].seed = 8
        mixed[4].stopTokens = []
        let alone = try mixed.map { try generate([$0], with: model)[0] }
        #expect(try generate(mixed, with: model, slotCount: 4) == alone)
        #expect(zip(alone, try generate(requests, with: model)).count { $0 != $1 } >= 3)
    }

    @Test func requestsLeaveBetweenSteps() throws {
        let model = try model("llama-plain")
        let whole = try generate([requests[3]], with: model)[0]
        var batch = GenerationBatch(model: model, slotCount: 2)
        for index in [4, 3] {
            let joined = try batch.join(requests[index], id: index)
            #expect(joined)
        }
        let waits = try !batch.join(requests[0], id: 0)
        #expect(waits && !batch.hasFreeSlot)
        var tokens: [Int32] = []
        var steps = 0
        while !batch.isEmpty {
            for case (3, .success(.token(let token))) in try batch.step() { tokens.append(token) }
            steps += 1
            if steps == 1 { batch.leave(4) }
            #expect(batch.hasFreeSlot)
        }
        #expect(tokens == whole.tokens)
    }

    /// A request that needs a larger cache waits until nobody uses the old one.
    @Test func largerRequestsWaitForTheCache() throws {
        var batch = GenerationBatch(model: try model("llama-plain"), slotCount: 2)
        let first = try batch.join(GenerationRequest(prompt: [3], maximumTokens: 2), id: 0)
        let larger = GenerationRequest(prompt: [3, 4, 5], maximumTokens: 9)
        let second = try batch.join(larger, id: 1)
        #expect(first && !second)
        while !batch.isEmpty { _ = try batch.step() }
        let again = try batch.join(larger, id: 1)
        #expect(again)
    }

    @Test func stopTokensEndASequence() throws {
        let fixture = try ModelFixture("llama-plain")
        let stop = fixture.continuation[3]
        let found = try generate(
            [GenerationRequest(prompt: fixture.tokens, maximumTokens: 8, stopTokens: [stop])],
            with: model("llama-plain"))
        #expect(found[0].tokens == Array(fixture.continuation.prefix { $0 != stop }))
        #expect(found[0].reason == .stopToken)
    }

    /// OPT fixtures have 40 positions: 24 of prompt and 16 read again leave 17 drawn.
    @Test func endsWhereThePositionsEnd() throws {
        let fixture = try ModelFixture("opt-plain")
        let model = try model("opt-plain")
        let found = try generate([GenerationRequest(prompt: fixture.tokens, maximumTokens: .max)], with: model)
        #expect(found[0].tokens.count == 17)
        #expect(found[0].reason == .contextFull)
        let long = GenerationRequest(prompt: Array(repeating: 3, count: 41), maximumTokens: 1)
        #expect(throws: ModelError.tooManyPositions(needed: 41, available: 40)) { try generate([long], with: model) }
    }

    @Test func impossibleRequestsDoNotJoin() throws {
        var batch = GenerationBatch(model: try model("llama-plain"), slotCount: 2)
        #expect(throws: ModelError.tooFewTokens(needed: 1, found: 0)) {
            try batch.join(GenerationRequest(prompt: [], maximumTokens: 1), id: 0)
        }
        #expect(throws: ModelError.self) { try batch.join(GenerationRequest(prompt: [1], maximumTokens: 0), id: 0) }
        for token in [-1, 97] as [Int32] {
            #expect(throws: ModelError.tokenOutsideVocabulary(token, vocabularySize: 97)) {
                try batch.join(GenerationRequest(prompt: [4, token], maximumTokens: 1), id: 0)
            }
        }
        #expect(batch.isEmpty)
    }

    /// A token whose embedding is no number makes its own sequence's logits NaN, and no other's.
    @Test func damagedLogitsEndTheirOwnRequest() throws {
        let fixture = try ModelFixture("llama-plain")
        var weights = fixture.weights
        let name = "model.embed_tokens.weight"
        let table = try weights.tensor(name)
        var values = try table.floats()
        for channel in 0..<table.columns { values[96 * table.columns + channel] = .nan }
        weights.tensors[name] = try Tensor(values, shape: table.shape)
        let model = try LanguageModel.load(
            configuration: fixture.configuration, weights: weights, backend: ReferenceBackend())
        var batch = GenerationBatch(model: model, slotCount: 2)
        let prompts = [fixture.tokens, [96]]
        for (id, prompt) in prompts.enumerated() {
            let joined = try batch.join(GenerationRequest(prompt: prompt, maximumTokens: 4), id: id)
            #expect(joined)
        }
        var tokens: [Int32] = []
        var failures: [ModelError] = []
        while !batch.isEmpty {
            for (id, event) in try batch.step() {
                switch event {
                case .success(.token(let token)): tokens.append(token)
                case .success: #expect(id == 0)
                case .failure(let error):
                    #expect(id == 1)
                    failures.append(error)
                }
            }
        }
        #expect(tokens == Array(fixture.continuation.prefix(4)))
        #expect(failures == [.logitsNotFinite])
    }

    /// Greedy generation writes transformers' continuation.
    @Test(arguments: ModelFixture.names, [512, 7]) func greedyEqualsTransformers(_ name: String, chunkSize: Int) throws
    {
        let fixture = try ModelFixture(name)
        let request = GenerationRequest(prompt: fixture.tokens, maximumTokens: fixture.continuation.count)
        let expected = [GeneratedTokens(tokens: fixture.continuation, reason: .maximumTokens)]
        #expect(try generate([request], with: fixture.model(on: ReferenceBackend()), chunkSize: chunkSize) == expected)
        let cpu = try CPUBackend(precision: .float32, threadCount: 2)
        #expect(try generate([request], with: fixture.model(on: cpu), chunkSize: chunkSize) == expected)
    }
}
