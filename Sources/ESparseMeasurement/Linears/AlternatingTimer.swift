// Times alternatives that take turns, so that whatever else the machine does falls on all of them alike.

import ESparseCore

/// Medians of alternatives measured in turn.
package struct AlternatingTimer {
    /// Seconds that all alternatives together may take, beyond the rounds that every median needs.
    package let budget: Double

    /// Measures for about `budget` seconds.
    package init(budget: Double) { self.budget = budget }

    /// Shorter samples would measure the clock.
    private static let shortestSample = 0.0005
    private static let fewestRounds = 5
    private static let mostRounds = 2000

    /// Seconds of one call of each alternative: the median over rounds in which each has a turn.
    ///
    /// An alternative is called with the number of its calls so far, so that it can use other memory each time. Every second
    /// round goes backwards, and a first call of each is not counted.
    /// - Parameter stopwatch: runs the work that it is given and returns its seconds.
    /// - Throws: `InterruptedError`; what an alternative throws.
    package func medians(
        _ alternatives: [(Int) throws -> Void],
        measuredBy stopwatch: (() throws -> Void) throws -> Double = { work in
            try ContinuousClock().measure(work) / .seconds(1)
        }
    ) throws -> [Double] {
        let clock = ContinuousClock()
        var calls = [Int](repeating: 0, count: alternatives.count)
        func sample(_ index: Int, repetitions: Int) throws -> Double {
            try Interruption.check()
            let seconds = try stopwatch {
                for _ in 0..<repetitions {
                    try alternatives[index](calls[index])
                    calls[index] += 1
                }
            }
            return seconds / Double(repetitions)
        }
        let repetitions = try alternatives.indices.map { index in
            _ = try sample(index, repetitions: 1)
            let once = try sample(index, repetitions: 1)
            return max(1, min(10_000, Int(Self.shortestSample / max(once, 1e-9))))
        }
        var samples = [[Double]](repeating: [], count: alternatives.count)
        let start = clock.now
        for round in 0..<Self.mostRounds {
            if round >= Self.fewestRounds, (clock.now - start) / .seconds(1) >= budget { break }
            for turn in alternatives.indices {
                let index = round % 2 == 0 ? turn : alternatives.count - 1 - turn
                samples[index].append(try sample(index, repetitions: repetitions[index]))
            }
        }
        return samples.map(Self.median)
    }

    /// The middle value, or the mean of the two middle ones; 0 where there is none.
    package static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
