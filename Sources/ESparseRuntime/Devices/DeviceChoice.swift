// A device that somebody names.

/// Where to compute.
package enum DeviceChoice: Equatable, Sendable, CustomStringConvertible {
    /// The processor.
    case cpu
    /// A GPU by its number.
    case cuda(Int)

    /// Reads "cpu", "cuda" or "cuda:N"; nil for anything else.
    package init?(_ text: String) {
        switch text {
        case "cpu": self = .cpu
        case "cuda": self = .cuda(0)
        default:
            guard text.hasPrefix("cuda:"), let index = UInt16(text.dropFirst(5)) else { return nil }
            self = .cuda(Int(index))
        }
    }

    /// As it is read.
    package var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let index): "cuda:\(index)"
        }
    }
}
