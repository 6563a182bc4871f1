// The errors of preparing weights for a device, besides failures of the device itself.

package import ESparseCore

/// The CUDA backend cannot use what it was given.
package enum CUDAWeightError: Error, Equatable, CustomStringConvertible {
    /// A tensor's elements are not floating-point numbers.
    case elementType(ElementType, role: String)
    /// A tensor or an order does not have the shape that its use asks for.
    case shape([Int], role: String, expected: [Int])
    /// A weight is not a matrix with rows and columns.
    case notAMatrix(shape: [Int])
    /// Heads are larger than any kernel takes.
    case headSize(Int)
    /// There are more heads than a launch can have blocks.
    case headCount(Int)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .elementType(let type, let role):
            "\(role) has element type \(type.rawValue), but F32, F16 or BF16 is needed"
        case .shape(let shape, let role, let expected): "\(role) has shape \(shape), but \(expected) is needed"
        case .notAMatrix(let shape):
            "a weight has shape \(shape), but a linear on a GPU needs two dimensions, neither of them 0"
        case .headSize(let size):
            "attention heads have \(size) channels, but at most \(AttentionPlan.mostHeadSize) can run on a GPU; use --device cpu"
        case .headCount(let count):
            "attention has \(count) query and key/value heads, but at most \(LaunchSize.mostAcross) can run on a GPU; use --device cpu"
        }
    }
}
