// A kind of sparse linear to tune for, before any backend has seen it.

package import ESparseCore

/// A kind of sparse linear to tune.
package struct TuningTarget: Sendable, Hashable {
    /// Output channels.
    package let rows: Int
    /// Input channels.
    package let columns: Int
    /// The pattern of the weights.
    package let pattern: SparsityPattern
    /// Element type of the weights in the checkpoint.
    package let elementType: ElementType

    /// Describes a kind of linear; the columns must be a multiple of the pattern's group.
    package init(rows: Int, columns: Int, pattern: SparsityPattern, elementType: ElementType) {
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.elementType = elementType
    }
}
