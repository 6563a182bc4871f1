// The search inside one block of the local shuffle: a table of swap gains, kept current as swaps are made.

import ESparseCore
import ESparseKernels

/// Best-first swaps inside one block of channels.
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

    /// What the block retained before any swap.
    let retainedBefore: Double

    private let pattern: SparsityPattern
    private let block: SaliencyBlock
    private let original: [Int32]
    private let count: Int
    private var order: [Int32]
    /// What each group retains, `[groups]`.
    private var totals: [Double]
    /// What a slot's group would retain with a channel in the slot, `[slot, channel]`; filled by `run`.
    private var gains: [Double] = []
    /// The best later slot to swap each slot with, and what that gains; -1 and 0 where no swap is good enough.
    private var best: [(partner: Int, gain: Double)]

    /// Gathers the block's saliencies; `channels` are the site's channels at the block's slots.
    init(channels: ArraySlice<Int32>, saliencies: [SaliencyMatrix], pattern: SparsityPattern) {
        self.pattern = pattern
        count = channels.count
        original = Array(channels)
        order = (0..<Int32(channels.count)).map { $0 }
        block = SaliencyBlock(channelCount: channels.count, rows: max(saliencies.reduce(0) { $0 + $1.rows }, 1))
        var row = 0
        for matrix in saliencies {
            block.fill(from: matrix.values, columns: matrix.columns, channels: channels, firstRow: row)
            row += matrix.rows
        }
        totals = [Double](repeating: 0, count: channels.count / pattern.group)
        best = Array(repeating: (-1, 0), count: channels.count)
        block.totals(order: order, pattern: pattern, groups: (0..<Int32(totals.count)).map { $0 }, totals: &totals)
        retainedBefore = totals.reduce(0, +)
    }

    /// Makes the best swap until none gains enough.
    mutating func run(minimalGain: Double) -> Outcome {
        var swapCount = 0
        gains = [Double](repeating: 0, count: count * count)
        refresh(groups: (0..<Int32(totals.count)).map { $0 })
        let floor = 2 * retainedBefore / Double(totals.count) * minimalGain
        for slot in 0..<count { rescan(slot, minimalGain, floor) }
        while let (first, second) = bestSwap() {
            order.swapAt(first, second)
            swapCount += 1
            let touched = [first / pattern.group, second / pattern.group]
            refresh(groups: touched.map { Int32($0) })
            update(touched: touched, minimalGain, floor)
        }
        return Outcome(
            channels: order.map { original[Int($0)] }, retainedBefore: retainedBefore,
            retainedAfter: totals.reduce(0, +), swapCount: swapCount)
    }

    private mutating func refresh(groups: [Int32]) {
        block.gains(order: order, pattern: pattern, groups: groups, gains: &gains, totals: &totals)
    }

    private func bestSwap() -> (Int, Int)? {
        var winner = -1
        for slot in 0..<count where best[slot].partner >= 0 && (winner < 0 || best[slot].gain > best[winner].gain) {
            winner = slot
        }
        return winner < 0 ? nil : (winner, best[winner].partner)
    }

    /// What swapping the channels of two slots of different groups gains, or 0 where that is not enough.
    private func gain(_ first: Int, _ second: Int, _ minimalGain: Double, _ floor: Double) -> Double {
        let before = totals[first / pattern.group] + totals[second / pattern.group]
        let after = gains[first * count + Int(order[second])] + gains[second * count + Int(order[first])]
        let gain = after - before
        return gain > max(before * minimalGain, floor) ? gain : 0
    }

    private mutating func rescan(_ slot: Int, _ minimalGain: Double, _ floor: Double) {
        best[slot] = (-1, 0)
        for partner in stride(from: (slot / pattern.group + 1) * pattern.group, to: count, by: 1) {
            consider(slot, partner, minimalGain, floor)
        }
    }

    private mutating func consider(_ slot: Int, _ partner: Int, _ minimalGain: Double, _ floor: Double) {
        let gain = gain(slot, partner, minimalGain, floor)
        if gain > best[slot].gain || (gain > 0 && gain == best[slot].gain && partner < best[slot].partner) {
            best[slot] = (partner, gain)
        }
    }

    /// Brings `best` up to date after the gains of the touched groups' slots have changed.
    private mutating func update(touched: [Int], _ minimalGain: Double, _ floor: Double) {
        for slot in 0..<count {
            let group = slot / pattern.group
            let partner = best[slot].partner
            if touched.contains(group) || (partner >= 0 && touched.contains(partner / pattern.group)) {
                rescan(slot, minimalGain, floor)
            } else {
                for other in touched where other > group {
                    for member in 0..<pattern.group {
                        consider(slot, other * pattern.group + member, minimalGain, floor)
                    }
                }
            }
        }
    }
}
