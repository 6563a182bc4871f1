// The launches that the attention of a batch is cut into, and the size of a cache.

import ESparseCUDA
import ESparseCore
import Testing

@Suite struct AttentionPlanTests {
    private func plan(
        _ segments: [(Int, Int, Int)], headSize: Int, heads: Int = 4, window: Int? = nil
    ) -> [AttentionPlan.Part] {
        AttentionPlan(
            TokenBatch(segments.map { TokenBatch.Segment(sequence: $0.0, start: $0.1, count: $0.2) }),
            headCount: heads, headSize: headSize, window: window
        ).parts
    }

    @Test func decodingIsOneLaunch() {
        #expect(
            plan([(0, 5, 1), (3, 300, 1), (1, 0, 2)], headSize: 64) == [
                .init(tokens: 0..<4, kernel: .few(splits: 2))
            ])
    }

    @Test func longSegmentsOfKnownHeadsRunOnTiles() {
        #expect(
            plan([(2, 7, 1), (0, 10, 17), (1, 0, 16)], headSize: 128) == [
                .init(tokens: 0..<1, kernel: .few(splits: 1)),
                .init(tokens: 1..<18, kernel: .tiled(sequence: 0, start: 10)),
                .init(tokens: 18..<34, kernel: .few(splits: 1)),
            ])
        #expect(plan([(0, 0, 100)], headSize: 20) == [.init(tokens: 0..<100, kernel: .few(splits: 1))])
    }

    /// Splits reach to the last position that any token of the launch attends to.
    @Test(arguments: [(0, 1, 1), (255, 1, 1), (256, 1, 2), (255, 2, 2), (4095, 1, 16)])
    func splitsCoverAllPositions(_ start: Int, _ count: Int, _ splits: Int) {
        #expect(plan([(0, start, count)], headSize: 64) == [.init(tokens: 0..<count, kernel: .few(splits: splits))])
    }

    /// A window needs no more splits than it can touch, wherever it starts.
    @Test(arguments: [(1, 1), (2, 2), (256, 2), (257, 2), (258, 3), (4096, 17), (.max, 40)])
    func windowsNeedFewSplits(_ window: Int, _ splits: Int) {
        #expect(
            plan([(0, 10_000, 1)], headSize: 64, window: window) == [
                .init(tokens: 0..<1, kernel: .few(splits: splits))
            ])
    }

    /// A recorded step has splits for all positions of its class, whatever those of its tokens, and partial results stay within bounds.
    @Test func recordedStepsHaveTheSplitsOfTheirClass() {
        func parts(_ count: Int, splits: Int) -> [AttentionPlan.Part] {
            AttentionPlan(
                TokenBatch((0..<count).map { .init(sequence: $0, start: 3, count: 1) }), headCount: 32, headSize: 128,
                leastSplits: splits
            ).parts
        }
        #expect(parts(3, splits: 4) == [.init(tokens: 0..<3, kernel: .few(splits: 4))])
        let many = parts(64, splits: 128)
        #expect(many.count > 1 && many.allSatisfy { $0.kernel == .few(splits: 128) })
        #expect(many.first?.tokens.lowerBound == 0 && many.last?.tokens.upperBound == 64)
    }

    /// Partial results of one launch stay within bounds, tokens beyond go in further ones, and none is lost.
    @Test func partialResultsAreBounded() {
        for (segments, headSize) in [([(0, 0, 40_000)], 20), ([(0, 60_000, 16), (1, 60_000, 16), (2, 0, 9)], 256)] {
            let parts = plan(segments, headSize: headSize, heads: 32)
            var next = 0
            for part in parts {
                #expect(part.tokens.lowerBound == next)
                next = part.tokens.upperBound
                guard case .few(let splits) = part.kernel else {
                    Issue.record("\(part) runs on tiles")
                    continue
                }
                let bytes = part.tokens.count * 32 * splits * (headSize + 2) * 4
                #expect(bytes <= AttentionPlan.mostPartBytes || part.tokens.count == 1)
            }
            #expect(next == segments.reduce(0) { $0 + $1.2 })
            #expect(parts.count > 1)
        }
    }

    @Test func cachesAreCountedWithoutOverflow() {
        func bytes(_ extent: Int) -> Int? {
            CUDAKeyValueCache.layerByteCount(
                CacheDescription(
                    layerCount: 1, sequenceCount: extent, capacity: extent, keyValueHeadCount: extent, headSize: 3))
        }
        #expect(bytes(5) == 2 * 5 * 5 * 5 * 3)
        #expect(bytes(1 << 21) == nil)
        #expect(bytes(0) == 0)
    }

    @Test func rowsArePaddedForTheLibraries() {
        #expect([1, 8, 9, 64, 65, 128, 129].map(CUDAActivation.paddedTokens) == [8, 8, 16, 64, 128, 128, 192])
        #expect(CUDAActivation.paddedTokens(0) == 0)
    }
}
