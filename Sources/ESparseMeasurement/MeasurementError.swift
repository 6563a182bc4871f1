// What can go wrong when speed is measured.

public import ESparseCore

/// A measurement cannot be made, or cannot be trusted.
public enum MeasurementError: Error, Equatable, CustomStringConvertible {
    /// Text that names no model and is no shape.
    case unknownShape(String)
    /// A shape's size is absurd.
    case shapeTooLarge(String)
    /// A pattern does not divide a shape's input channels.
    case indivisible(shape: String, pattern: SparsityPattern)
    /// oneDNN has no product of a shape on this processor.
    case noDenseProduct(shape: String)
    /// Two kernels that must agree do not.
    case resultsDiffer(shape: String, tokens: Int, kernels: [String], difference: Double)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .unknownShape(let text):
            "\"\(text)\" is no known model and no shape; give ROWSxCOLUMNS, such as 4096x11008, or one of "
                + GemmShape.knownModels.joined(separator: ", ")
        case .shapeTooLarge(let text):
            "shape \(text) is too large; rows and columns must be from 1 to \(GemmShape.largestExtent), and at most "
                + "\(GemmShape.mostWeights) weights together"
        case .indivisible(let shape, let pattern):
            "the columns of shape \(shape) cannot be cut into groups of \(pattern.group) for pattern \(pattern)"
        case .noDenseProduct(let shape): "oneDNN has no matrix product for shape \(shape) on this processor"
        case .resultsDiffer(let shape, let tokens, let kernels, let difference):
            "\(kernels.joined(separator: " and ")) give different results for shape \(shape) and \(tokens) tokens: "
                + "root mean square difference \(difference) of the result's; please report this as a bug"
        }
    }
}
