// RIA (Zhang et al., "Plug-and-Play", ICLR 2024): a weight's share of its row and of its column, times its channel's norm.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `S_ij = (|W_ij| / sum_k |W_kj| + |W_ij| / sum_k |W_ik|) * a_j^exponent`, relative importance and activations.
///
/// A weight that is small in its matrix but large among those that read the same channel, or write the same output, counts
/// more than its size: no channel is cut off whole. `a_j` is Wanda's amplitude.
public struct RIA: PruningMethod {
    /// The amplitude's power.
    public var exponent: Double

    /// Makes the method; the paper's exponent is 0.5.
    public init(exponent: Double = 0.5) {
        precondition(exponent >= 0)
        self.exponent = exponent
    }

    /// "ria"
    public var name: String { "ria" }
    /// Sums of squares.
    public var requirement: StatisticsRequirement { .range }
    /// The exponent.
    public var settings: [String: String] { ["exponent": "\(exponent)"] }

    /// Relative importance times `a^exponent`; 0 for a zero weight, even of a row or column of zeros.
    public func saliency(weight: [Float], rows: Int, columns: Int, statistics: ChannelStatistics?) -> [Float] {
        guard let statistics else { preconditionFailure("ria needs calibration statistics") }
        precondition(weight.count == rows * columns && statistics.channelCount == columns)
        let weight = weight.span
        var rowShares = [Double](repeating: 0, count: rows)
        var columnShares = [Double](repeating: 0, count: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let size = Double(abs(weight[row * columns + column]))
                rowShares[row] += size
                columnShares[column] += size
            }
        }
        let factors = statistics.amplitudes(.wanda).map { pow($0, exponent) }
        // A sum of zero has only zero weights.
        for row in 0..<rows { rowShares[row] = rowShares[row] > 0 ? 1 / rowShares[row] : 0 }
        for column in 0..<columns {
            columnShares[column] = columnShares[column] > 0 ? factors[column] / columnShares[column] : 0
        }
        var saliency = [Float](repeating: 0, count: rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let share = rowShares[row] * factors[column] + columnShares[column]
                saliency[row * columns + column] = Float(Double(abs(weight[row * columns + column])) * share)
            }
        }
        return saliency
    }
}
