// Hands every microbenchmark to the tool that times it: wall clock only, about a second each.

import Benchmark
import ESparseMicrobenchmarks

let benchmarks: @Sendable () -> Void = {
    do {
        for work in try Microbenchmark.all() { register(work) }
    } catch {
        Benchmark("microbenchmarks cannot be prepared") { $0.error("\(error)") }
    }
}

/// The work's memory is made just before its turn and dropped after it: all of them together would not fit.
private func register(_ work: Microbenchmark) {
    nonisolated(unsafe) var body: () -> Void = {}
    Benchmark(
        work.name,
        configuration: .init(
            metrics: [.wallClock], timeUnits: work.isShort ? .nanoseconds : .microseconds, warmupIterations: 1,
            scalingFactor: work.isShort ? .kilo : .one, maxDuration: .seconds(1))
    ) { benchmark in
        for _ in benchmark.scaledIterations { body() }
    } setup: {
        body = try work.prepare()
    } teardown: {
        body = {}
    }
}
