// Saliencies of one linear, as the shuffles take them.

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
