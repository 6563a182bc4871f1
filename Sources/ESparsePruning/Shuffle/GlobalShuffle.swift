// Global naive shuffle: channels of like saliency are dealt to different groups.

package import ESparseCore

/// Ranks all channels by mean saliency and deals the ranking out over the groups.
///
/// With C channels and G = C / M groups, slice `i` of the ranking (ranks `[i * G, (i + 1) * G)`) fills position `i` of
/// every group. In `straight` order rank `i * G + g` goes to group `g`; in `snake` order every odd slice is dealt backwards,
/// rank `i * G + g` to group `G - 1 - g`, so that no group is given the best of each slice.
package struct GlobalShuffle: Sendable {
    /// In what order a slice of the ranking is dealt to the groups.
    package enum Dealing: String, Sendable, Codable, CaseIterable {
        case straight
        case snake
    }

    /// In what order slices are dealt.
    package var dealing: Dealing

    /// Makes the shuffle.
    package init(dealing: Dealing = .snake) {
        self.dealing = dealing
    }

    /// Channels from the largest mean saliency (over the rows of all matrices) to the smallest; ties by lower channel.
    package func ranking(of matrices: [SaliencyMatrix]) -> [Int32] {
        Self.ranking(SaliencyMatrix.columnSums(of: matrices))
    }

    /// Channels from the largest sum to the smallest; ties by lower channel.
    private static func ranking(_ sums: [Double]) -> [Int32] {
        // The number of rows is the same for every channel: sums rank as means do.
        return (0..<Int32(sums.count)).sorted { left, right in
            let (leftSum, rightSum) = (sums[Int(left)], sums[Int(right)])
            return leftSum == rightSum ? left < right : leftSum > rightSum
        }
    }

    /// The order of channels; `pattern.group` must divide their number.
    package func permutation(of matrices: [SaliencyMatrix], pattern: SparsityPattern) -> Permutation {
        permutation(columnSums: SaliencyMatrix.columnSums(of: matrices), pattern: pattern)
    }

    /// The order of channels whose saliencies have these sums over all rows. Channels stay in their run of `runLength`, which M
    /// divides; nil stands for one run.
    func permutation(columnSums: [Double], pattern: SparsityPattern, runLength: Int? = nil) -> Permutation {
        let run = runLength ?? columnSums.count
        precondition(run % pattern.group == 0 && columnSums.count % run == 0)
        let order = stride(from: 0, to: columnSums.count, by: run).flatMap { start in
            dealt(Self.ranking(Array(columnSums[start..<start + run])), pattern).map { Int32(start) + $0 }
        }
        guard let permutation = Permutation(order) else { preconditionFailure("dealing is a bijection") }
        return permutation
    }

    /// The channels of a ranking, dealt to their groups.
    private func dealt(_ ranking: [Int32], _ pattern: SparsityPattern) -> [Int32] {
        let groupCount = ranking.count / pattern.group
        var order = ranking
        for slice in 0..<pattern.group {
            for index in 0..<groupCount {
                let isBackwards = dealing == .snake && slice % 2 == 1
                let group = isBackwards ? groupCount - 1 - index : index
                order[group * pattern.group + slice] = ranking[slice * groupCount + index]
            }
        }
        return order
    }
}
