// Saliencies of one linear, as the shuffles take them.

/// Saliencies `[rows, columns]`, row-major in original column order. Linears that share an input site are given together:
/// their rows are stacked.
package struct SaliencyMatrix: Sendable {
    /// Input channels of the site.
    package let columns: Int
    /// Values, row-major.
    package let values: [Float]

    /// Wraps values whose number is a multiple of `columns`.
    package init(_ values: [Float], columns: Int) {
        precondition(columns > 0 && values.count % columns == 0)
        self.columns = columns
        self.values = values
    }

    /// Output channels.
    package var rows: Int { values.count / columns }
}
