// Columns of the benchmark's table that several backends have.

import ESparseReport

extension GemmLayout.Column {
    /// The model and the layer; nothing for a shape that was named itself.
    package static let linear = Self(header: "linear") {
        $0.shape.model == "custom" ? "" : "\($0.shape.model) \($0.shape.layer)"
    }
    /// Rows x columns.
    package static let shape = Self(header: "shape") { $0.shape.name }
    /// T.
    package static let tokens = Self(header: "tokens") { "\($0.tokens)" }
    /// N:M.
    package static let pattern = Self(header: "pattern") { "\($0.pattern)" }
    /// Over the first dense side.
    package static let speedup = Self(header: "speedup") { Quantity.fixed($0.speedup, decimals: 2) + "x" }

    /// Of the kernel that a model runs.
    package static func sparseMilliseconds(decimals: Int) -> Self {
        Self(header: "sparse ms") { Quantity.fixed($0.sparse.seconds * 1000, decimals: decimals) }
    }

    /// Of the first dense side.
    package static func denseMilliseconds(decimals: Int) -> Self {
        Self(header: "dense ms") { Quantity.fixed($0.dense[0].seconds * 1000, decimals: decimals) }
    }
}
