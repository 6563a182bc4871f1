// Why a kernel profile cannot be used.

/// A profile cannot be used.
package enum ProfileError: Error, Equatable, CustomStringConvertible {
    /// The file is no profile.
    case damaged(path: String, reason: String)
    /// Another version of this tool wrote it.
    case otherVersion(path: String)
    /// It was measured on another kind of processor.
    case otherProcessor(path: String)
    /// It was measured on another kind of device, or in another arithmetic.
    case otherDevice(path: String)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .damaged(let path, let reason):
            "the kernel profile \(path) is damaged: \(reason); delete it or run `esparse tune` again"
        case .otherVersion(let path):
            "the kernel profile \(path) is of another version of esparse; run `esparse tune` again"
        case .otherProcessor(let path):
            "the kernel profile \(path) was measured on another kind of processor; run `esparse tune` on this one"
        case .otherDevice(let path):
            "the kernel profile \(path) was measured on another kind of device or in another arithmetic; run `esparse tune` again"
        }
    }
}
