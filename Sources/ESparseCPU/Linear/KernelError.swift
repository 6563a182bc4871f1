// What can go wrong when the CPU backend starts or prepares weights.

package import ESparseCore

/// The CPU backend cannot use what it was given.
package enum KernelError: Error, Equatable, CustomStringConvertible {
    /// A weight or bias has an element type that is no floating-point number.
    case elementType(ElementType, role: String)
    /// A tensor or an order does not have the shape that its use asks for.
    case shape([Int], role: String, expected: [Int])
    /// Memory cannot be had.
    case outOfMemory(purpose: String, byteCount: Int)
    /// A weight is not a matrix.
    case notAMatrix(shape: [Int])
    /// A bias does not have one value for each output channel.
    case biasShape([Int], rows: Int)
    /// oneDNN is built for threads that cannot be held back.
    case denseLibrary(runtime: String)
    /// The environment asks for an instruction set that does not exist.
    case unknownInstructionSet(String)
    /// The environment asks for an instruction set that this processor does not have.
    case missingInstructionSet(InstructionSet)
    /// No format holds such weights.
    case noWeightFormat(ElementType, pattern: SparsityPattern?)
    /// No kernel of an instruction set reads weights of a format.
    case unreadFormat(String, InstructionSet)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .elementType(let type, let role):
            "\(role) has element type \(type.rawValue), but F32, F16 or BF16 is needed"
        case .shape(let shape, let role, let expected): "\(role) has shape \(shape), but \(expected) is needed"
        case .outOfMemory(let purpose, let byteCount):
            "there is no memory of \(byteCount) bytes for \(purpose); use a shorter sequence or a smaller batch"
        case .notAMatrix(let shape): "weight has shape \(shape), but a linear needs two dimensions"
        case .biasShape(let shape, let rows): "bias has shape \(shape), but the linear has \(rows) output channels"
        case .denseLibrary(let runtime):
            "the oneDNN library is built for \(runtime), but one for OpenMP (as Debian's libdnnl-dev) or for sequential use "
                + "is needed; install that one"
        case .noWeightFormat(let type, let pattern):
            "there is no format for \(pattern?.description ?? "dense") weights of element type \(type.rawValue)"
        case .unreadFormat(let format, let set):
            "there is no kernel in \(set.rawValue) for weights in \(format)"
        case .unknownInstructionSet(let name):
            "\(InstructionSet.environmentVariable) is \"\(name)\", but must be one of "
                + InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
        case .missingInstructionSet(let set):
            "\(InstructionSet.environmentVariable) asks for \(set.rawValue), which this processor does not have; it has "
                + InstructionSet.available.map(\.rawValue).joined(separator: ", ")
        }
    }
}
