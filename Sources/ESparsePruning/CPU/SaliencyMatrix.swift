// Saliencies of one linear in memory: their masks, sums and swaps, by the processor's kernels.

package import ESparseCore

/// Saliencies `[rows, columns]`, row-major in original column order. Linears that share an input site are given together:
/// their rows are stacked.
public struct SaliencyMatrix: Sendable {
    /// Input channels of the site.
    public let columns: Int
    /// Values, row-major.
    public let values: [Float]

    /// Wraps values whose number is a multiple of `columns`.
    public init(_ values: [Float], columns: Int) {
        precondition(columns > 0 && values.count % columns == 0)
        self.columns = columns
        self.values = values
    }

    /// Output channels.
    public var rows: Int { values.count / columns }
}

extension SaliencyMatrix: WeightSaliency {
    package typealias Failure = Never

    /// Threads take a block each, and one block's layout is in memory for each of them.
    package static var blocksInStep: Int { 1 }

    package func hostValues() -> [Float] { values }

    package func firstNonFinite() -> Int? { values.firstIndex { !$0.isFinite } }

    package func maskBits(pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop) -> [UInt8] {
        Mask.bits(
            saliency: values, rows: rows, columns: columns, pattern: pattern, permutation: order, parallel: parallel)
    }

    package func retainedShare(bits: [UInt8], order: Permutation?) -> Double? {
        Mask.retainedShare(of: values, bits: bits, columns: columns, permutation: order)
    }

    package static func columnSums(of saliencies: [SaliencyMatrix]) -> [Double] {
        guard let columns = saliencies.first?.columns else { preconditionFailure("no saliencies") }
        precondition(saliencies.allSatisfy { $0.columns == columns })
        var sums = [Double](repeating: 0, count: columns)
        for matrix in saliencies {
            let values = matrix.values.span
            for row in 0..<matrix.rows {
                for column in 0..<columns { sums[column] += Double(values[row * columns + column]) }
            }
        }
        return sums
    }

    package static func swapTable(
        of saliencies: [SaliencyMatrix], blocks: [[Int32]], pattern: SparsityPattern
    ) -> CPUSwapTable {
        CPUSwapTable(blocks: blocks.map { SaliencyBlock(saliencies, channels: $0[...]) }, pattern: pattern)
    }
}

/// `|W_ij| * factors[j]` of weights `[rows, columns]`, the form of most saliencies.
func weightedMagnitudes(_ weight: [Float], rows: Int, columns: Int, factors: [Float]) -> [Float] {
    precondition(weight.count == rows * columns && factors.count == columns)
    return unsafe [Float](unsafeUninitializedCapacity: weight.count) { output, initialized in
        for row in 0..<rows {
            for column in 0..<columns {
                unsafe output[row * columns + column] = abs(weight[row * columns + column]) * factors[column]
            }
        }
        initialized = weight.count
    }
}
