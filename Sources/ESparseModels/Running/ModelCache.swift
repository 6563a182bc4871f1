// A KV cache that knows its size, so that running past its end is an error and not a trap.

public import ESparseCore

/// Keys and values of the tokens that some sequences of one model have so far.
public struct ModelCache<B: Backend> {
    var storage: B.KeyValueCache
    /// Positions of each sequence.
    public let capacity: Int
    /// Tokens held for each sequence.
    public private(set) var lengths: [Int]

    init(_ storage: B.KeyValueCache, sequenceCount: Int, capacity: Int) {
        self.storage = storage
        self.capacity = capacity
        lengths = Array(repeating: 0, count: sequenceCount)
    }

    /// Checks that a batch fits. A segment may start before the end of what is held: later tokens are then forgotten.
    ///
    /// - Throws: `ModelError.cacheTooSmall`.
    func requireRoom(for batch: TokenBatch) throws {
        for segment in batch.segments {
            precondition(segment.sequence < lengths.count && segment.start <= lengths[segment.sequence])
            let end = segment.start + segment.count
            guard end <= capacity else { throw ModelError.cacheTooSmall(needed: end, available: capacity) }
        }
    }

    /// Counts the tokens of a batch once all layers hold them, so that an interrupted pass leaves the cache as it was.
    mutating func extend(by batch: TokenBatch) {
        for segment in batch.segments { lengths[segment.sequence] = segment.start + segment.count }
    }
}
