// The working memory of byte-pair merging: a linked list of symbols and a queue of possible merges.

/// Reused from word to word so that encoding allocates little.
struct MergeScratch {
    /// A merge that was possible when it was queued.
    struct Candidate {
        /// Rank in the upper half, position in the lower: the order in which merges are applied.
        let order: UInt64
        /// The token it makes.
        let id: Int32

        var position: Int { Int(order & 0xFFFF_FFFF) }
    }

    private var ids: [Int32] = []
    private var previousPositions: [Int32] = []
    private var nextPositions: [Int32] = []
    private var alive: [Bool] = []
    /// A binary heap, least order first.
    private var heap: [Candidate] = []
    /// The pair from which a remembered symbol (`MergeTable.add`) would last have come.
    var parts: [Int32: (left: Int32, right: Int32)] = [:]

    /// Number of symbols, joined ones included.
    var count: Int { ids.count }

    /// Forgets the last word.
    mutating func reset() {
        ids.removeAll(keepingCapacity: true)
        previousPositions.removeAll(keepingCapacity: true)
        nextPositions.removeAll(keepingCapacity: true)
        alive.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
        if !parts.isEmpty { parts.removeAll() }
    }

    /// Appends a symbol.
    mutating func append(_ id: Int32) {
        let position = Int32(ids.count)
        if position > 0 { nextPositions[Int(position) - 1] = position }
        ids.append(id)
        previousPositions.append(position - 1)
        nextPositions.append(-1)
        alive.append(true)
    }

    func id(_ position: Int) -> Int32 { ids[position] }

    func isAlive(_ position: Int) -> Bool { alive[position] }

    func next(_ position: Int) -> Int? {
        let next = Int(nextPositions[position])
        return next >= 0 ? next : nil
    }

    func previous(_ position: Int) -> Int? {
        let previous = Int(previousPositions[position])
        return previous >= 0 ? previous : nil
    }

    /// Makes two neighbours one symbol at `left`.
    mutating func join(_ left: Int, _ right: Int, as id: Int32) {
        ids[left] = id
        alive[right] = false
        let next = nextPositions[right]
        nextPositions[left] = next
        if next >= 0 { previousPositions[Int(next)] = Int32(left) }
    }

    /// The ids that are left, in order.
    var symbols: some Sequence<Int32> { ids.indices.lazy.filter { alive[$0] }.map { ids[$0] } }

    /// Queues a merge.
    mutating func push(rank: Int32, position: Int, id: Int32) {
        heap.append(Candidate(order: UInt64(rank) << 32 | UInt64(position), id: id))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].order < heap[parent].order else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the merge that comes first.
    mutating func popCandidate() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2)
            where child < heap.count && heap[child].order < heap[least].order {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
