// The model's own calibration text.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseRuntime
import ESparseTestSupport
import Synchronization
import Testing

@Suite struct DocumentSamplingTests {
    private let sampling: SamplingSettings
    private let stopTokens: Set<Int32> = [2, 5, 11]

    init() throws { sampling = try SamplingSettings(temperature: 1.2, topK: 30, topP: 0.95) }

    private func documents(
        _ name: String, tokenCount: Int, isSeparated: Bool, maximumLength: Int = 20, batchSize: Int,
        progress: any ProgressReporter = SilentProgress()
    ) throws -> [[Int32]] {
        try ModelFixture(name).model(on: ReferenceBackend()).sampleDocuments(
            tokenCount: tokenCount, isSeparated: isSeparated, maximumLength: maximumLength, batchSize: batchSize,
            sampling: sampling, stopTokens: stopTokens, seed: 3, progress: progress)
    }

    /// Every family writes its own calibration text.
    @Test(arguments: ModelFixture.families) func everyFamilyWritesItsOwnText(_ name: String) throws {
        let documents = try documents(name, tokenCount: 40, isSeparated: true, batchSize: 3)
        #expect(documents.reduce(0) { $0 + $1.count + 1 } >= 40)
        #expect(documents.joined().allSatisfy { (0..<97).contains($0) })
    }

    /// Documents are drawn as requests are, and cut as soon as there is enough: no batch draws a token too many.
    @Test(arguments: [1, 2, 5, 64]) func documentsAreCutWhereThereAreEnough(_ batchSize: Int) throws {
        let name = "llama-head-size"
        let documents = try documents(name, tokenCount: 150, isSeparated: true, batchSize: batchSize)
        #expect(try self.documents(name, tokenCount: 150, isSeparated: true, batchSize: batchSize) == documents)
        // 151 with separators, or 152 where the last document's first token brought a separator along.
        let size = documents.reduce(0) { $0 + ($1.isEmpty ? 0 : $1.count + 1) }
        #expect((151...152).contains(size))
        let model = try ModelFixture(name).model(on: ReferenceBackend())
        let begin = try #require(model.architecture.beginToken)
        let requests = documents.indices.map { index in
            GenerationRequest(
                prompt: [begin], maximumTokens: 20, sampling: sampling, stopTokens: stopTokens, seed: 3,
                stream: UInt64(index))
        }
        let whole = try generate(requests, with: model).map(\.tokens)
        for (document, whole) in zip(documents, whole) { #expect(whole.starts(with: document)) }
        let cut = zip(documents, whole).count { $0.count < $1.count }
        #expect(cut <= batchSize && (batchSize < 64 || cut > 0))
        #expect(Set(documents.map(\.count)).count > 1)
    }

    @Test func separatorsAreNotCountedWhereThereAreNone() throws {
        let documents = try documents("llama-head-size", tokenCount: 150, isSeparated: false, batchSize: 3)
        #expect(documents.reduce(0) { $0 + $1.count } == 151)
    }

    @Test func progressStartsAtZeroAndCompletes() throws {
        let log = ProgressLog()
        _ = try documents(
            "opt-plain", tokenCount: 60, isSeparated: true, maximumLength: 1000, batchSize: 3, progress: log)
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
