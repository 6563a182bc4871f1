// How channels are cut into blocks whose members may change places.

import ESparseCore

/// Consecutive channels that change places among each other.
enum ChannelBlocks {
    /// Cuts `count` channels into blocks of at most `size`, rounded down to a multiple of M. No block reaches across the end of a
    /// run of `runLength` channels, which M divides; nil stands for one run.
    static func ranges(of count: Int, runLength: Int?, size: Int, pattern: SparsityPattern) -> [Range<Int>] {
        let run = runLength ?? count
        precondition(run % pattern.group == 0 && count % run == 0)
        let size = max(size / pattern.group, 1) * pattern.group
        return stride(from: 0, to: count, by: run).flatMap { start in
            stride(from: start, to: start + run, by: size).map { $0..<min($0 + size, start + run) }
        }
    }
}
