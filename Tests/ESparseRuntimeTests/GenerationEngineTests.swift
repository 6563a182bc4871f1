// The engine: requests side by side, joining and leaving while it runs, failing alone.

import Dispatch
import ESparseCore
import ESparseModels
import ESparseRuntime
import ESparseTestSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct GenerationEngineTests {
    /// What a step fails with here.
    private struct DeviceLost: Error, Equatable {}

    /// Watches steps: counts them and the tokens of each, and holds the step of a number back until it is told to go on.
    private final class Watch: Sendable {
        private let sizes = Mutex<[Int]>([])
        private let gate = DispatchSemaphore(value: 0)
        private let heldStep: Int?

        init(holding step: Int? = nil) { heldStep = step }

        var tokenCounts: [Int] { sizes.withLock { $0 } }
        func goOn() { gate.signal() }

        func look(_ tokens: [Int32]) {
            let step = sizes.withLock { sizes in
                sizes.append(tokens.count)
                return sizes.count
            }
            if step == heldStep { gate.wait() }
        }
    }

    private func model(onEmbed: @escaping @Sendable ([Int32]) throws -> Void) throws -> LanguageModel<WatchedBackend> {
        try ModelFixture("llama-plain").model(on: WatchedBackend(onEmbed: onEmbed))
    }

    private func request(_ index: Int, tokens: Int) throws -> GenerationRequest {
        GenerationRequest(
            prompt: (0...Int32(2 * index)).map { 5 + $0 }, maximumTokens: tokens,
            sampling: try SamplingSettings(temperature: 1.1, topK: 40), seed: 9, stream: UInt64(index))
    }

    @Test func requestsSideBySideAreWhatEachIsAlone() async throws {
        let watch = Watch()
        let model = try model(onEmbed: watch.look)
        let requests = try (0..<5).map { try request($0, tokens: 12 - $0) }
        let alone = try requests.map { try generate([$0], with: model)[0] }
        let before = watch.tokenCounts.count
        let engine = GenerationEngine(model: model, slotCount: 3)
        let streams = requests.map { engine.submit($0) }
        for (stream, expected) in zip(streams, alone) { #expect(try await collect(stream) == expected) }
        #expect(watch.tokenCounts[before...].contains { $0 >= 2 })
    }

    @Test func anImpossibleRequestFailsAlone() async throws {
        let engine = GenerationEngine(model: try model { _ in }, slotCount: 2)
        let good = try request(1, tokens: 6)
        let streams = [good, GenerationRequest(prompt: [5, 97], maximumTokens: 3), good].map { engine.submit($0) }
        await #expect(throws: ModelError.tokenOutsideVocabulary(97, vocabularySize: 97)) {
            _ = try await collect(streams[1])
        }
        let expected = try generate([good], with: model { _ in })[0]
        #expect(try await collect(streams[0]) == expected)
        #expect(try await collect(streams[2]) == expected)
    }

    @Test func requestsJoinWhileOthersRun() async throws {
        let watch = Watch(holding: 4)
        let engine = GenerationEngine(model: try model(onEmbed: watch.look), slotCount: 2)
        let requests = try [request(2, tokens: 14), request(0, tokens: 5)]
        let first = engine.submit(requests[0])
        while watch.tokenCounts.count < 4 { await Task.yield() }
        let second = engine.submit(requests[1])
        watch.goOn()
        let found = try await [collect(first), collect(second)]
        #expect(try found == generate(requests, with: model { _ in }))
        #expect(watch.tokenCounts.prefix(4) == [5, 1, 1, 1])
        #expect(watch.tokenCounts.dropFirst(4).contains(2))
    }

    /// Whoever stops listening makes room: the engine has one slot, and the second request gets it.
    @Test func leavingEndsARequest() async throws {
        let watch = Watch(holding: 4)
        let engine = GenerationEngine(model: try model(onEmbed: watch.look), slotCount: 1)
        let long = try request(0, tokens: 40)
        let listener = Task {
            var count = 0
            for try await _ in engine.submit(long) { count += 1 }
            return count
        }
        while watch.tokenCounts.count < 4 { await Task.yield() }
        let next = try request(1, tokens: 4)
        let stream = engine.submit(next)
        listener.cancel()
        #expect(try await listener.value <= 4)
        watch.goOn()
        #expect(try await collect(stream) == generate([next], with: model { _ in })[0])
        #expect(watch.tokenCounts.count <= 4 + 4)
    }

    /// Every request that runs gets the reason, and the engine goes on with later ones.
    @Test func aFailedStepEndsWhatRuns() async throws {
        let watch = Watch(holding: 1)
        let engine = GenerationEngine(
            model: try model { tokens in
                watch.look(tokens)
                if tokens.contains(66) { throw DeviceLost() }
            }, slotCount: 2)
        let good = try request(1, tokens: 30)
        let first = engine.submit(good)
        while watch.tokenCounts.isEmpty { await Task.yield() }
        let second = engine.submit(GenerationRequest(prompt: [66], maximumTokens: 3))
        let waiting = engine.submit(try request(0, tokens: 3))
        watch.goOn()
        await #expect(throws: DeviceLost.self) { _ = try await collect(first) }
        await #expect(throws: DeviceLost.self) { _ = try await collect(second) }
        #expect(try await collect(waiting) == generate([request(0, tokens: 3)], with: model { _ in })[0])
    }

    /// An engine that nobody holds any more still ends what was asked of it, and sleeps between requests.
    @Test func streamsOutliveTheEngine() async throws {
        let good = try request(1, tokens: 6)
        let expected = try generate([good], with: model { _ in })[0]
        let engine = GenerationEngine(model: try model { _ in }, slotCount: 1)
        for _ in 0..<3 { #expect(try await collect(engine.submit(good)) == expected) }
        let stream = GenerationEngine(model: try model { _ in }, slotCount: 1).submit(good)
        #expect(try await collect(stream) == expected)
    }
}
