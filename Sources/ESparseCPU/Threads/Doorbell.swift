// A place where threads sleep until somebody rings: a mutex and a condition variable.

import CESparseCPU
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lets threads sleep until a condition on atomics holds; ringing costs nothing while nobody sleeps.
///
/// The condition's change and the ring may come from any thread. Both sides use sequentially consistent operations: the
/// sleeper counts itself in before it looks at the condition a last time, the ringer changes the condition before it
/// looks at the count, so one of them always sees the other.
@safe final class Doorbell: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let sleepers = Atomic<Int>(0)

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Returns when `isReady` is true: spins for `spinNanoseconds`, then sleeps between rings. While it spins it calls
    /// `whileSpinning`, which does a little work and says whether there is more.
    ///
    /// `isReady` must read with sequentially consistent (or stronger than relaxed) order whatever it hands over.
    func wait(spinNanoseconds: UInt64, whileSpinning: () -> Bool, until isReady: () -> Bool) {
        if isReady() { return }
        let start = monotonicNanoseconds()
        repeat {
            for _ in 0..<32 {
                if !whileSpinning() { esparse_spin_pause() }
                if isReady() { return }
            }
        } while monotonicNanoseconds() &- start < spinNanoseconds

        unsafe pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !isReady() { unsafe pthread_cond_wait(condition, mutex) }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Wakes all sleepers so that they look at their condition again.
    func ring() {
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        unsafe pthread_mutex_lock(mutex)
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
    }
}

/// Time since some fixed moment, in nanoseconds.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
