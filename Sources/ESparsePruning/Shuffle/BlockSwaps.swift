// The search inside one block of the local shuffle: finds the best swap from the block's table of gains, again after each swap.

import ESparseCore

/// Best-first swaps inside one block of channels. The gains are handed in: any device may have computed them.
///
/// Slots are numbered within the block, and so are channels: slot `s` holds channel `order[s]`, at first `s`.
struct BlockSwaps {
    /// What the search did.
    struct Outcome: Sendable {
        /// The site's channels at the block's slots, as swapped.
        let channels: [Int32]
        /// What the block retained before and after.
        let retainedBefore: Double, retainedAfter: Double
        /// Swaps made.
        let swapCount: Int
    }

    private let pattern: SparsityPattern
    private let original: [Int32]
    private let retainedBefore: Double
    private let minimalGain: Double
    private let floor: Double
    /// The best later slot to swap each slot with, and what that gains; -1 and 0 where no swap is good enough.
    private var best: [(partner: Int, gain: Double)]
    private var touched: [Int] = []
    private var swapCount = 0

    private var count: Int { original.count }

    /// Starts a search; `channels` are the site's channels at the block's slots, and no group of `table` is stale.
    init(channels: [Int32], table: SwapGains, pattern: SparsityPattern, minimalGain: Double) {
        self.pattern = pattern
        self.minimalGain = minimalGain
        original = channels
        retainedBefore = table.totals.reduce(0, +)
        floor = 2 * retainedBefore / Double(table.totals.count) * minimalGain
        best = Array(repeating: (-1, 0), count: channels.count)
        for slot in 0..<count { rescan(slot, table) }
    }

    /// Makes the best swap, which leaves two groups of the table stale; false where none gains enough.
    mutating func swap(_ table: inout SwapGains) -> Bool {
        guard let (first, second) = bestSwap() else { return false }
        table.order.swapAt(first, second)
        swapCount += 1
        touched = [first / pattern.group, second / pattern.group]
        table.stale = touched.map { Int32($0) }
        return true
    }

    /// What the search did, with the table as it is now.
    func outcome(_ table: SwapGains) -> Outcome {
        Outcome(
            channels: table.order.map { original[Int($0)] }, retainedBefore: retainedBefore,
            retainedAfter: table.totals.reduce(0, +), swapCount: swapCount)
    }

    private func bestSwap() -> (Int, Int)? {
        var winner = -1
        for slot in 0..<count where best[slot].partner >= 0 && (winner < 0 || best[slot].gain > best[winner].gain) {
            winner = slot
        }
        return winner < 0 ? nil : (winner, best[winner].partner)
    }

    /// What swapping the channels of two slots of different groups gains, or 0 where that is not enough.
    private func gain(_ first: Int, _ second: Int, _ table: SwapGains) -> Double {
        let before = table.totals[first / pattern.group] + table.totals[second / pattern.group]
        let after =
            table.gains[first * count + Int(table.order[second])]
            + table.gains[second * count + Int(table.order[first])]
        let gain = after - before
        return gain > max(before * minimalGain, floor) ? gain : 0
    }

    private mutating func rescan(_ slot: Int, _ table: SwapGains) {
        best[slot] = (-1, 0)
        for partner in stride(from: (slot / pattern.group + 1) * pattern.group, to: count, by: 1) {
            consider(slot, partner, table)
        }
    }

    private mutating func consider(_ slot: Int, _ partner: Int, _ table: SwapGains) {
        let gain = gain(slot, partner, table)
        if gain > best[slot].gain || (gain > 0 && gain == best[slot].gain && partner < best[slot].partner) {
            best[slot] = (partner, gain)
        }
    }

    /// Brings the search up to date after the groups that the last swap touched were computed anew.
    mutating func update(_ table: SwapGains) {
        for slot in 0..<count {
            let group = slot / pattern.group
            let partner = best[slot].partner
            if touched.contains(group) || (partner >= 0 && touched.contains(partner / pattern.group)) {
                rescan(slot, table)
            } else {
                for other in touched where other > group {
                    for member in 0..<pattern.group { consider(slot, other * pattern.group + member, table) }
                }
            }
        }
    }
}
