// The shape and element type of a linear's weights, whatever format they lie in.

internal import CESparseCPU
import ESparseCore

/// Weights `[R, C]`, dense or N:M, of a floating-point type.
struct WeightShape {
    /// R: output channels.
    let rows: Int
    /// C: input channels.
    let columns: Int
    /// The pattern, nil when dense.
    let pattern: SparsityPattern?
    /// Weights of a row that are stored: C when dense.
    let keptPerRow: Int
    /// A floating-point type.
    let elementType: ElementType

    /// Bytes of a row's stored weights in the portable form.
    var valueStride: Int { keptPerRow * elementType.byteCount }
    /// Bytes of a row's bitmask in the portable form; a dense row has none.
    var maskStride: Int { (columns + 7) / 8 }

    /// Whether every four columns keep the same number of weights.
    private var isGrouped: Bool { pattern.map { 4 % $0.group == 0 } ?? false }

    /// What C is told of `count` rows in a format, without where they lie.
    func description(rows count: Int, bias: UnsafePointer<Float>?, format: esparse_format) -> esparse_rows {
        unsafe esparse_rows(
            format: format, weights: nil, bitmask: nil, bias: bias, rows: Int64(count), columns: Int64(columns),
            kept_per_row: Int64(keptPerRow), mask_stride: Int64(maskStride), is_grouped: isGrouped ? 1 : 0,
            panels: nil, spilled: nil)
    }
}
