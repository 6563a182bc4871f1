// The rows of the main table.

/// A way of pruning that the main table compares.
package enum ComparedMethod: String, CaseIterable, Sendable {
    case magnitude
    case wanda
    case ria
    case sparseGPT = "sparsegpt"
    case shuffledWanda = "wanda-shuffled"
    case refinedWanda = "wanda-refined"
    case unrefinedESparse = "e-sparse-unrefined"
    case eSparse = "e-sparse"
    case updatedESparse = "e-sparse-update"

    /// For people.
    package var title: String {
        switch self {
        case .magnitude: "Magnitude"
        case .wanda: "Wanda"
        case .ria: "RIA with its permutation"
        case .sparseGPT: "SparseGPT"
        case .shuffledWanda: "Wanda, our shuffles"
        case .refinedWanda: "Wanda, our shuffles, refined"
        case .unrefinedESparse: "E-Sparse, not refined"
        case .eSparse: "E-Sparse"
        case .updatedESparse: "E-Sparse with update"
        }
    }

    /// Options of `esparse prune`.
    package var options: [String] {
        switch self {
        case .magnitude: ["--method", "magnitude", "--shuffle", "none"]
        case .wanda: ["--method", "wanda", "--shuffle", "none"]
        case .ria: ["--method", "ria", "--shuffle", "assignment"]
        case .sparseGPT: ["--method", "sparsegpt", "--shuffle", "none"]
        case .shuffledWanda: ["--method", "wanda"]
        case .refinedWanda: ["--method", "wanda", "--refine"]
        case .unrefinedESparse: ["--no-refine"]
        case .eSparse: []
        case .updatedESparse: ["--update"]
        }
    }

    /// Whether kept weights change.
    package var updatesWeights: Bool { self == .sparseGPT || self == .updatedESparse }
    /// Whether it is this package's own.
    package var isOwn: Bool { [.unrefinedESparse, .eSparse, .updatedESparse].contains(self) }

    /// Whether it answers the zero-shot tasks too, which take longest: what was published, and the default.
    package var answersTasks: Bool { [.magnitude, .wanda, .ria, .sparseGPT, .eSparse].contains(self) }

    /// Patterns of the main table.
    package static let patterns = ["2:4", "4:8"]

    /// The experiment's name.
    package func id(pattern: String) -> String {
        "main-\(rawValue)-\(pattern.split(separator: ":").joined(separator: "of"))"
    }
}
