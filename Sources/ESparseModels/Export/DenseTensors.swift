// A checkpoint's tensors as other tools expect them: dense, channels in their original order.

package import ESparseCore
import ESparseFormats

/// The tensors of a model, packed linears with their zeros written out, columns where they were before a shuffle at run time.
///
/// Shuffles in the rows of the linears before a site need no undoing: the function is the same.
package struct DenseTensors: Sendable {
    private let weights: any WeightSource
    private let matrixType: ElementType?
    /// Rows that are compared at a time, so that no second matrix is held in single precision.
    private static let rowsAtOnce = 64

    /// Presents a checkpoint's weights; `matrixType` is what matrices are rounded to, nil leaves them as they are. Norms and
    /// biases keep their type.
    package init(_ weights: any WeightSource, matrixType: ElementType?) {
        self.weights = weights
        self.matrixType = matrixType
    }

    /// The type in which `tensor` gives a tensor; reads none of its values.
    ///
    /// - Throws: the format's error for a tensor that is missing or of an unsupported type.
    package func elementType(of description: TensorDescription) throws -> ElementType {
        if description.shape.count == 2, let matrixType { return matrixType }
        return try weights.elementType(of: description.name)
    }

    /// A tensor: a view of the file where that holds it so, else in memory.
    ///
    /// - Throws: `ModelError.weightOutgrowsType` where a finite weight would become infinite; the format's error for a damaged
    ///   tensor.
    package func tensor(_ description: TensorDescription) throws -> Tensor {
        guard description.shape.count == 2 else { return try weights.tensor(description.name) }
        let tensor = try weights.linearWeight(description.name).plainTensor()
        guard let matrixType, matrixType != tensor.elementType else { return tensor }
        let converted = try tensor.converted(to: matrixType)
        for first in stride(from: 0, to: tensor.rows, by: Self.rowsAtOnce) {
            let rows = first..<min(first + Self.rowsAtOnce, tensor.rows)
            let (before, after) = (try tensor.floats(rows: rows), try converted.floats(rows: rows))
            if let place = before.indices.first(where: { before[$0].isFinite && !after[$0].isFinite }) {
                throw ModelError.weightOutgrowsType(description.name, value: before[place], type: matrixType)
            }
        }
        return converted
    }
}
