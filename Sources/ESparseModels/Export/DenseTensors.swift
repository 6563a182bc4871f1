// A checkpoint's tensors as other tools expect them: dense, channels in their original order.

package import ESparseCore
import ESparseFormats

/// The tensors of a model, packed linears with their zeros written out, columns where they were before a shuffle at run time.
///
/// Shuffles in the rows of the linears before a site need no undoing: the function is the same.
package struct DenseTensors: Sendable {
    private let weights: any WeightSource
    private let matrixType: ElementType?

    /// Presents a checkpoint's weights; `matrixType` is what matrices are rounded to, nil leaves them as they are. Norms and
    /// biases keep their type.
    package init(_ weights: any WeightSource, matrixType: ElementType?) {
        self.weights = weights
        self.matrixType = matrixType
    }

    /// The type in which `tensor` gives a tensor.
    ///
    /// - Throws: the format's error for a damaged tensor.
    package func elementType(of description: TensorDescription) throws -> ElementType {
        guard description.shape.count == 2 else { return try weights.tensor(description.name).elementType }
        if let matrixType { return matrixType }
        return switch try weights.linearWeight(description.name).matrix {
        case .dense(let tensor): tensor.elementType
        case .sparse(let matrix): matrix.values.elementType
        }
    }

    /// A tensor: a view of the file where that holds it so, else in memory.
    ///
    /// - Throws: the format's error for a damaged tensor.
    package func tensor(_ description: TensorDescription) throws -> Tensor {
        guard description.shape.count == 2 else { return try weights.tensor(description.name) }
        let tensor = try weights.linearWeight(description.name).plainTensor()
        return try matrixType.map { try tensor.converted(to: $0) } ?? tensor
    }
}
