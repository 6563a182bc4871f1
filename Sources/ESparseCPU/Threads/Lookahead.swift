// What threads fetch into their caches while they wait: the weights that the previous step read next.

import CESparseCPU
import Synchronization

/// Weights in memory, and the ones that were read after them the last time.
///
/// A decoding step reads the same weights in the same order as the one before, so what followed is what will follow. Addresses
/// serve as hints only: nothing is read through them, and one that is no longer valid does no harm.
package final class ReadWeights: Sendable {
    private let start: UInt
    private let byteCount: Int
    private let followingStart = Atomic<UInt>(0)
    private let followingByteCount = Atomic<Int>(0)

    /// Weights at an address; what follows them is not known yet.
    package init(start: UInt, byteCount: Int) {
        self.start = start
        self.byteCount = byteCount
    }

    /// Start and length of the weights that followed last time.
    fileprivate var following: (start: UInt, byteCount: Int) {
        (followingStart.load(ordering: .relaxed), followingByteCount.load(ordering: .relaxed))
    }

    /// Notes what follows now.
    fileprivate func note(following weights: ReadWeights) {
        followingStart.store(weights.start, ordering: .relaxed)
        followingByteCount.store(weights.byteCount, ordering: .relaxed)
    }
}

/// Memory that waiting threads fetch together.
package final class Lookahead: Sendable {
    /// Most bytes of the following weights that are fetched: less than a second-level cache holds.
    package static let mostBytes = 512 << 10
    /// Bytes that a thread fetches before it looks again whether its wait is over.
    package static let stepBytes: UInt = 1024

    private let latest = Mutex<ReadWeights?>(nil)
    private let cursor = Atomic<UInt>(0)
    private let end = Atomic<UInt>(0)

    /// Nothing to fetch.
    package init() {}

    /// Call when weights are about to be read.
    package func begin(_ weights: ReadWeights) {
        latest.withLock { previous in
            previous?.note(following: weights)
            previous = weights
        }
        let following = weights.following
        cursor.store(following.start, ordering: .relaxed)
        end.store(following.start + UInt(min(following.byteCount, Self.mostBytes)), ordering: .relaxed)
    }

    /// Fetches a little; false when everything has been fetched.
    package func fetch() -> Bool {
        let last = end.load(ordering: .relaxed)
        guard cursor.load(ordering: .relaxed) < last else { return false }
        let place = cursor.add(Self.stepBytes, ordering: .relaxed).oldValue
        guard place < last else { return false }
        esparse_prefetch(place, Int(Self.stepBytes))
        return true
    }
}
