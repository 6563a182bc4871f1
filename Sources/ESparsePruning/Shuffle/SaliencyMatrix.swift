// Saliencies of one linear, as the shuffles take them.

/// What the shuffles make the mask retain as much as possible of.
package enum ShuffleObjective: String, Sendable, Codable, CaseIterable {
    /// The sum of the kept saliencies (the paper's).
    case saliency
    /// The sum of their squares, nearer to the squared error that pruning makes.
    case squaredSaliency = "squared-saliency"
}

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

    /// Wraps saliencies as the objective sees them: as they are, or squared.
    package init(_ saliencies: [Float], columns: Int, objective: ShuffleObjective) {
        switch objective {
        case .saliency: self.init(saliencies, columns: columns)
        case .squaredSaliency: self.init(saliencies.map { $0 * $0 }, columns: columns)
        }
    }

    /// Output channels.
    package var rows: Int { values.count / columns }
}
