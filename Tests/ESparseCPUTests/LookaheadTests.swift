// Reading ahead: what followed the last time is fetched, once and not beyond its end.

import ESparseCPU
import Testing

@Suite struct LookaheadTests {
    /// Steps until nothing more is fetched. The addresses are made up: prefetching them does nothing.
    private func steps(_ lookahead: Lookahead) -> Int {
        var count = 0
        while lookahead.fetch() { count += 1 }
        return count
    }

    @Test func fetchesWhatFollowedTheLastTime() {
        let step = Int(Lookahead.stepBytes)
        let small = ReadWeights(start: 4096, byteCount: 3 * step)
        let odd = ReadWeights(start: 1 << 30, byteCount: 4 * step + 1)
        let huge = ReadWeights(start: 1 << 40, byteCount: 1 << 34)
        let lookahead = Lookahead()
        #expect(steps(lookahead) == 0)
        for weights in [small, odd, huge] {
            lookahead.begin(weights)
            #expect(steps(lookahead) == 0)
        }
        lookahead.begin(small)
        #expect(steps(lookahead) == 5)
        #expect(steps(lookahead) == 0)
        lookahead.begin(odd)
        #expect(steps(lookahead) == Lookahead.mostBytes / step)
        // What followed another time counts no more.
        lookahead.begin(small)
        lookahead.begin(huge)
        #expect(steps(lookahead) == 3)
        lookahead.begin(small)
        #expect(steps(lookahead) == Lookahead.mostBytes / step)
    }
}
