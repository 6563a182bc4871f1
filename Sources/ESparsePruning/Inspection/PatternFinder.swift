// Finds the tightest N:M pattern that a matrix really has, by looking at its zeros.

public import ESparseCore

/// Looks at the nonzero weights of a matrix row by row.
///
/// Every group size that divides the columns is followed until one group of that size is found full, so a dense matrix is
/// settled after a few rows.
public struct PatternFinder: Sendable {
    /// Input channels.
    public let columns: Int
    /// Nonzero weights seen so far.
    public private(set) var nonzeroCount = 0
    /// Weights seen so far.
    public private(set) var count = 0
    private var candidates: [(group: Int, largest: Int)]

    /// Starts with no rows seen.
    public init(columns: Int) {
        self.columns = columns
        candidates = (2...32).filter { columns > 0 && columns % $0 == 0 }.map { ($0, 0) }
    }

    /// Looks at one row, given as one bit a column (bit `j % 64` of word `j / 64`), 1 for a weight that is not zero.
    public mutating func addRow(_ nonzero: [UInt64]) {
        precondition(nonzero.count == (columns + 63) / 64)
        count += columns
        for word in nonzero { nonzeroCount += word.nonzeroBitCount }
        for index in candidates.indices.reversed() {
            let group = candidates[index].group
            let mask = (UInt64(1) << UInt64(group)) - 1
            var largest = candidates[index].largest
            for start in stride(from: 0, to: columns, by: group) {
                let word = start / 64
                let shift = UInt64(start % 64)
                var bits = nonzero[word] >> shift
                if shift + UInt64(group) > 64 { bits |= nonzero[word + 1] << (64 - shift) }
                largest = max(largest, (bits & mask).nonzeroBitCount)
                if largest == group { break }
            }
            if largest == group {
                candidates.remove(at: index)
            } else {
                candidates[index].largest = largest
            }
        }
    }

    /// The pattern with the smallest share of kept weights that every group of every row fits, the smallest group among
    /// equals; nil where the matrix is dense, all zero, or no row was seen.
    public var pattern: SparsityPattern? {
        guard count > 0 else { return nil }
        let fitting = candidates.filter { $0.largest > 0 }
        let best = fitting.min { left, right in
            let shares = (left.largest * right.group, right.largest * left.group)
            return shares.0 != shares.1 ? shares.0 < shares.1 : left.group < right.group
        }
        return best.flatMap { SparsityPattern(kept: $0.largest, group: $0.group) }
    }

    /// Share of weights that are not zero, in `[0, 1]`.
    public var density: Double { count == 0 ? 0 : Double(nonzeroCount) / Double(count) }
}
