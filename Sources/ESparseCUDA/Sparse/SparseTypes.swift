// Shapes, alignment rules and algorithms of cuSPARSELt's products.

/// A product `y = x W^T` with a 2:4 weight: x `[tokens, columns]`, W `[rows, columns]`, y `[tokens, rows]`, all
/// row-major and of one 16-bit type; sums are single precision.
package struct SparseProductShape: Sendable, Hashable, CustomStringConvertible {
    /// T: rows of x and y that there is memory for; a multiple of 8 (`paddedTokens`).
    package let tokens: Int
    /// R: rows of W; a multiple of 16.
    package let rows: Int
    /// C: columns of x and W; a multiple of 16.
    package let columns: Int
    /// Type of x, W and y.
    package let type: HalfType
    /// Whether a bias `[rows]` of the same type is added.
    package let hasBias: Bool

    /// Describes a product; `tokens` is rounded up to a multiple of 8.
    package init(tokens: Int, rows: Int, columns: Int, type: HalfType, hasBias: Bool = false) {
        precondition(tokens > 0 && rows > 0 && columns > 0)
        self.tokens = Self.paddedTokens(tokens)
        self.rows = rows
        self.columns = columns
        self.type = type
        self.hasBias = hasBias
    }

    /// Rows that x and y need memory for: those of the tokens rounded up to a multiple of 8. What the added rows of x
    /// hold does not matter; those of y are overwritten.
    package static func paddedTokens(_ tokens: Int) -> Int { (tokens + 7) / 8 * 8 }

    /// "a product of 8 tokens with a 2:4 weight of 4096x4096 in bfloat16"
    package var description: String {
        "a product of \(tokens) tokens with a 2:4 weight of \(rows)x\(columns) in \(type.rawValue)"
    }

    /// Why cuSPARSELt cannot take a weight of this shape; nil where it can.
    package static func refusal(rows: Int, columns: Int) -> String? {
        rows % 16 == 0 && columns % 16 == 0 ? nil : "rows and columns must be multiples of 16"
    }
}

/// How cuSPARSELt computes a product: the result of its search, kept in a tuning profile.
package struct SparseAlgorithm: Sendable, Hashable {
    /// Its number of the kernel.
    package let identifier: Int32
    /// Parts that the columns are cut in.
    package let splitCount: Int32
    /// How the parts' sums are combined.
    package let splitMode: Int32
    /// Buffers for the parts.
    package let splitBuffers: Int32

    /// Puts an algorithm together.
    package init(identifier: Int32, splitCount: Int32, splitMode: Int32, splitBuffers: Int32) {
        self.identifier = identifier
        self.splitCount = splitCount
        self.splitMode = splitMode
        self.splitBuffers = splitBuffers
    }
}
