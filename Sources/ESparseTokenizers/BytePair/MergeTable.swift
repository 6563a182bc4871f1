// Which neighbouring symbols merge, and the loop that merges them.

/// The merges of a byte-pair encoding by the pair they join.
struct MergeTable: Sendable {
    private struct Target {
        let rank: Int32
        let id: Int32
    }

    private var targets: [UInt64: Target] = [:]
    /// Symbols whose last pair is remembered in the scratch memory.
    private var remembered: Set<Int32> = []

    /// Room for `capacity` merges.
    init(capacity: Int) {
        targets.reserveCapacity(capacity)
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Adds a merge, or replaces the one of this pair.
    ///
    /// - Parameters:
    ///   - left: the symbol in front.
    ///   - right: the symbol after it.
    ///   - id: the symbol they become.
    ///   - rank: merges of a lower rank come first; those of the same rank from the left.
    ///   - isRemembered: whether `MergeScratch.parts` tells from which pair the symbol would last have come.
    mutating func add(_ left: Int32, _ right: Int32, id: Int32, rank: Int32, isRemembered: Bool = false) {
        targets[MergeTable.key(left, right)] = Target(rank: rank, id: id)
        if isRemembered { remembered.insert(id) }
    }

    /// Merges all symbols, with a priority queue: O(n log n) for any word.
    func run(_ scratch: inout MergeScratch) {
        guard scratch.count > 1 else { return }
        for position in 0..<(scratch.count - 1) { push(position, position + 1, &scratch) }
        while let candidate = scratch.popCandidate() {
            let left = candidate.position
            guard scratch.isAlive(left), let right = scratch.next(left),
                let target = targets[MergeTable.key(scratch.id(left), scratch.id(right))], target.id == candidate.id
            else { continue }
            scratch.join(left, right, as: target.id)
            if let previous = scratch.previous(left) { push(previous, left, &scratch) }
            if let next = scratch.next(left) { push(left, next, &scratch) }
        }
    }

    private func push(_ left: Int, _ right: Int, _ scratch: inout MergeScratch) {
        guard let target = targets[MergeTable.key(scratch.id(left), scratch.id(right))] else { return }
        scratch.push(rank: target.rank, position: left, id: target.id)
        if !remembered.isEmpty, remembered.contains(target.id) {
            scratch.parts[target.id] = (scratch.id(left), scratch.id(right))
        }
    }
}
