// The threads that all CPU kernels share: parallel loops cheap enough for decoding, and no spinning while idle.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A fixed set of threads that run parallel loops (*regions*).
///
/// Work is cut by the caller into pieces that do not depend on the number of threads, so results do not either; which
/// thread runs a piece is decided as they go. Workers spin for 40 microseconds after a region, because in
/// decoding the next one follows at once, and then sleep.
package final class ThreadPool: Sendable {
    private let team: WorkerTeam

    /// What threads fetch while they wait.
    var lookahead: Lookahead { team.lookahead }

    /// Number of threads that take part in a region, the caller's included.
    package let threadCount: Int

    /// Starts `threadCount - 1` workers; fewer where the system refuses threads.
    package init(threadCount: Int) {
        precondition(threadCount > 0, "a pool needs at least the caller's thread")
        team = WorkerTeam()
        var started = 1
        while started < threadCount, WorkerTeam.startWorker(of: team) { started += 1 }
        self.threadCount = started
    }

    deinit { team.stop() }

    /// Calls `body` with every index in `[0, count)`, in any order and on any of the threads, and returns when all are done.
    ///
    /// The caller takes part. A call from inside a region, or while another thread's region runs, does all its work on the
    /// calling thread.
    package func run(count: Int, _ body: @Sendable (Int) -> Void) {
        if threadCount == 1 || count <= 1 || !team.runRegion(count: count, body) {
            for index in 0..<max(count, 0) { body(index) }
        }
    }
}

/// What the workers and the pool share; outlives the pool until the last worker has left.
@safe private final class WorkerTeam: @unchecked Sendable {
    /// Long enough to bridge the serial gaps between two linears of a decoding step.
    private static let spinNanoseconds: UInt64 = 40_000

    /// Indices of the current region that nobody has taken yet. Taking one entitles a thread to read `body` and `count`.
    private let untaken = Atomic<Int>(0)
    /// Indices of the current region that are done.
    private let completed = Atomic<Int>(0)
    private let isBusy = Atomic<Bool>(false)
    private let isStopped = Atomic<Bool>(false)
    private let workBell = Doorbell()
    private let doneBell = Doorbell()
    let lookahead = Lookahead()

    /// The current region. Written by its caller only, while `untaken` is 0 and all indices of the last region are done.
    private var body: UnsafePointer<@Sendable (Int) -> Void>?
    private var count = 0

    /// Runs a region with the workers' help, or returns false at once when another one is running.
    func runRegion(count: Int, _ body: @Sendable (Int) -> Void) -> Bool {
        guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        withoutActuallyEscaping(body) { escapable in
            unsafe withUnsafePointer(to: escapable) { pointer in
                unsafe self.body = pointer
                self.count = count
                completed.store(0, ordering: .relaxed)
                untaken.store(count, ordering: .sequentiallyConsistent)
                workBell.ring()
                takePart()
                doneBell.wait(spinNanoseconds: Self.spinNanoseconds, whileSpinning: lookahead.fetch) {
                    completed.load(ordering: .sequentiallyConsistent) == count
                }
                unsafe self.body = nil
            }
        }
        isBusy.store(false, ordering: .releasing)
        return true
    }

    /// Runs indices until none is left.
    private func takePart() {
        var taken = 0
        var regionCount = 0
        var remaining = untaken.load(ordering: .relaxed)
        while remaining > 0 {
            let (exchanged, original) = untaken.weakCompareExchange(
                expected: remaining, desired: remaining - 1, ordering: .acquiring)
            guard exchanged else {
                remaining = original
                continue
            }
            regionCount = count
            perform(regionCount - remaining)
            taken += 1
            remaining = untaken.load(ordering: .relaxed)
        }
        guard taken > 0 else { return }
        // The region cannot end before this thread reports, so `taken` counts indices of one region only.
        if completed.add(taken, ordering: .sequentiallyConsistent).newValue == regionCount { doneBell.ring() }
    }

    /// Not inlined, so that whatever the call retains is released before the index counts as done.
    @inline(never)
    private func perform(_ index: Int) {
        if let body = unsafe body { unsafe body.pointee(index) }
    }

    private func work() {
        while true {
            workBell.wait(spinNanoseconds: Self.spinNanoseconds, whileSpinning: lookahead.fetch) {
                untaken.load(ordering: .sequentiallyConsistent) > 0 || isStopped.load(ordering: .sequentiallyConsistent)
            }
            if isStopped.load(ordering: .relaxed) { return }
            takePart()
        }
    }

    func stop() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        workBell.ring()
    }

    /// Starts a detached thread that works for `team` until it stops; false when the system refuses.
    static func startWorker(of team: WorkerTeam) -> Bool {
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(team)
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<WorkerTeam>.fromOpaque(context).takeRetainedValue().work()
                }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}
