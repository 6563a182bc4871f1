// The backends there are: what opening a device gives.

package import ESparseCPU
package import ESparseCUDA

/// A backend that was opened. Whoever asks more of it than `RuntimeBackend` does must say what every case has to offer.
package enum OpenedBackend: Sendable {
    /// The processor.
    case cpu(CPUBackend)
    /// A GPU.
    case cuda(CUDABackend)

    /// The backend, whichever it is.
    package var backend: any RuntimeBackend {
        switch self {
        case .cpu(let backend): backend
        case .cuda(let backend): backend
        }
    }
}
