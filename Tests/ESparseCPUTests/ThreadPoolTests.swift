// The thread pool: every index exactly once, nested and concurrent regions, sleeping workers, the cost of a region.

import ESparseCPU
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Counters that closures of several threads can share.
private final class Tally: Sendable {
    let counts: Mutex<[Int]>
    init(_ count: Int) { counts = Mutex([Int](repeating: 0, count: count)) }
    func mark(_ index: Int) { counts.withLock { $0[index] += 1 } }
    var values: [Int] { counts.withLock { $0 } }
}

@Suite struct ThreadPoolTests {
    @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
    func everyIndexRunsOnce(threads: Int, count: Int) {
        let pool = ThreadPool(threadCount: threads)
        #expect(pool.threadCount == threads)
        let tally = Tally(count)
        pool.run(count: count) { tally.mark($0) }
        #expect(tally.values.allSatisfy { $0 == 1 })
    }

    @Test func manyRegionsOfManySizes() {
        let pool = ThreadPool(threadCount: 3)
        for round in 0..<20_000 {
            let count = round % 5 + 1
            let sum = Sum()
            pool.run(count: count) { sum.total.add($0 + 1, ordering: .relaxed) }
            #expect(sum.total.load(ordering: .relaxed) == count * (count + 1) / 2)
        }
    }

    @Test func nestedRegionsRunInline() {
        let pool = ThreadPool(threadCount: 2)
        let tally = Tally(64)
        pool.run(count: 8) { outer in
            pool.run(count: 8) { inner in tally.mark(outer * 8 + inner) }
        }
        #expect(tally.values.allSatisfy { $0 == 1 })
    }

    @Test func concurrentCallersAllFinish() async {
        let pool = ThreadPool(threadCount: 2)
        let tally = Tally(4 * 100)
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<4 {
                group.addTask {
                    for _ in 0..<50 { pool.run(count: 100) { tally.mark(caller * 100 + $0) } }
                }
            }
        }
        #expect(tally.values.allSatisfy { $0 == 50 })
    }

    @Test func workersWakeAfterSleeping() {
        let pool = ThreadPool(threadCount: 2)
        for _ in 0..<5 {
            usleep(2_000)
            let tally = Tally(100)
            pool.run(count: 100) { tally.mark($0) }
            #expect(tally.values.allSatisfy { $0 == 1 })
        }
    }

    @Test func idleWorkersUseNoProcessorTime() {
        let pool = ThreadPool(threadCount: 3)
        let workers = Mutex<Set<pthread_t>>([])
        pool.run(count: 6) { _ in
            usleep(2_000)
            workers.withLock { _ = $0.insert(pthread_self()) }
        }
        let idle = workers.withLock { $0 }.subtracting([pthread_self()])
        #expect(idle.count == 2)
        usleep(20_000)
        let before = idle.map(processorSeconds(of:)).reduce(0, +)
        usleep(200_000)
        #expect(idle.map(processorSeconds(of:)).reduce(0, +) - before < 0.001)
    }
}

private final class Sum: Sendable {
    let total = Atomic<Int>(0)
}

/// Processor time that a thread has used.
private func processorSeconds(of thread: pthread_t) -> Double {
    var clock = clockid_t()
    var time = timespec()
    unsafe pthread_getcpuclockid(thread, &clock)
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
