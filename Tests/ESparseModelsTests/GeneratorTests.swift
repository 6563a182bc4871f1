// Generation: independence of the batch, stopping, limits, and the model's own calibration text.

import ESparseCore
import ESparseModels
import ESparseTestSupport
import Synchronization
import Testing

@Suite struct GeneratorTests {
    private func generator(
        _ name: String, _ settings: GenerationSettings
    ) throws -> Generator<ReferenceBackend> {
        Generator(model: try ModelFixture(name).model(on: ReferenceBackend()), settings: settings)
    }

    private let sampling: GenerationSettings
    private let requests: [GenerationRequest]

    init() throws {
        sampling = GenerationSettings(
            sampling: try SamplingSettings(temperature: 1.2, topK: 30, topP: 0.95), seed: 3, stopTokens: [2, 5, 11],
            chunkSize: 16)
        requests = (0..<7).map { index in
            GenerationRequest(prompt: (0...Int32(3 * index)).map { 3 + $0 }, maximumTokens: 4 + index)
        }
    }

    @Test(arguments: ["llama-grouped-tied", "opt-plain"]) func doesNotDependOnTheBatch(_ name: String) throws {
        let generator = try generator(name, sampling)
        let alone = try generator.generate(requests, batchSize: 1)
        #expect(alone.count == requests.count)
        for batchSize in [2, 3, 7] {
            let found = try generator.generate(requests, batchSize: batchSize)
            #expect(found.map(\.tokens) == alone.map(\.tokens))
            #expect(found.map(\.reason) == alone.map(\.reason))
        }
    }

    @Test func streamsWhatItReturns() throws {
        var streamed = [[Int32]](repeating: [], count: requests.count)
        let found = try generator("llama-plain", sampling).generate(requests) { request, token in
            streamed[request].append(token)
            return streamed[request].count < 5
        }
        #expect(found.map(\.tokens) == streamed)
        #expect(found.contains { $0.reason == .receiver && $0.tokens.count == 5 })
    }

    @Test func stopTokensEndASequence() throws {
        let fixture = try ModelFixture("llama-plain")
        let stop = fixture.continuation[3]
        let expected = fixture.continuation.prefix { $0 != stop }
        let generator = try generator("llama-plain", GenerationSettings(stopTokens: [stop]))
        let found = try generator.generate([GenerationRequest(prompt: fixture.tokens, maximumTokens: 8)])
        #expect(found[0].tokens == Array(expected))
        #expect(found[0].reason == .stopToken)
    }

    /// OPT fixtures have 40 positions: 24 of prompt and 16 read again leave 17 drawn.
    @Test func endsWhereThePositionsEnd() throws {
        let fixture = try ModelFixture("opt-plain")
        let generator = try generator("opt-plain", GenerationSettings())
        let found = try generator.generate([GenerationRequest(prompt: fixture.tokens, maximumTokens: .max)])
        #expect(found[0].tokens.count == 17)
        #expect(found[0].reason == .contextFull)
        let long = GenerationRequest(prompt: Array(repeating: 3, count: 41), maximumTokens: 1)
        #expect(throws: ModelError.tooManyPositions(needed: 41, available: 40)) { try generator.generate([long]) }
    }

    @Test func impossibleRequestsAreRefused() throws {
        let generator = try generator("llama-plain", GenerationSettings())
        #expect(throws: ModelError.tooFewTokens(needed: 1, found: 0)) {
            try generator.generate([GenerationRequest(prompt: [], maximumTokens: 1)])
        }
        #expect(throws: ModelError.self) {
            try generator.generate([GenerationRequest(prompt: [1], maximumTokens: 0)])
        }
        for token in [-1, 97] as [Int32] {
            #expect(throws: ModelError.tokenOutsideVocabulary(token, vocabularySize: 97)) {
                try generator.generate([GenerationRequest(prompt: [4, token], maximumTokens: 1)])
            }
        }
    }

    /// Documents are drawn as `generate` draws them, and cut as soon as there is enough: no batch draws a token too many.
    @Test(arguments: [1, 2, 5, 64]) func documentsAreCutWhereThereAreEnough(_ batchSize: Int) throws {
        let generator = try generator("llama-head-size", sampling)
        let documents = try generator.sampleDocuments(
            tokenCount: 150, isSeparated: true, maximumLength: 20, batchSize: batchSize)
        #expect(
            try generator.sampleDocuments(tokenCount: 150, isSeparated: true, maximumLength: 20, batchSize: batchSize)
                == documents)
        // 151 with separators, or 152 where the last document's first token brought a separator along.
        let size = documents.reduce(0) { $0 + ($1.isEmpty ? 0 : $1.count + 1) }
        #expect((151...152).contains(size))
        let begin = try #require(ModelFixture("llama-head-size").model(on: ReferenceBackend()).architecture.beginToken)
        let whole = try generator.generate(
            documents.map { _ in GenerationRequest(prompt: [begin], maximumTokens: 20) }
        ).map(\.tokens)
        for (document, whole) in zip(documents, whole) { #expect(whole.starts(with: document)) }
        let cut = zip(documents, whole).count { $0.count < $1.count }
        #expect(cut <= batchSize && (batchSize < 64 || cut > 0))
        #expect(Set(documents.map(\.count)).count > 1)
    }

    @Test func separatorsAreNotCountedWhereThereAreNone() throws {
        let documents = try generator("llama-head-size", sampling).sampleDocuments(
            tokenCount: 150, isSeparated: false, maximumLength: 20, batchSize: 3)
        #expect(documents.reduce(0) { $0 + $1.count } == 151)
    }

    @Test func documentProgressStartsAtZeroAndCompletes() throws {
        let log = ProgressLog()
        _ = try generator("opt-plain", sampling).sampleDocuments(
            tokenCount: 60, isSeparated: true, maximumLength: 1000, batchSize: 3, progress: log)
        #expect(log.reports.first == 0)
        #expect(log.reports.last == 60)
    }
}

/// Remembers the completed counts.
private final class ProgressLog: ProgressReporter {
    private let log = Mutex<[Int]>([])
    var reports: [Int] { log.withLock { $0 } }
    func report(stage: String, completed: Int, total: Int, unit: String) { log.withLock { $0.append(completed) } }
    func note(_ message: String) {}
}
