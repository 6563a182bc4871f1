// What commands ask of a backend beyond running models.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparseMeasurement
import ESparsePruning
import ESparseRuntime

extension OpenedBackend {
    /// The backend as `prune` needs it.
    var pruning: any RuntimeBackend & PruningBackend {
        switch self {
        case .cpu(let backend): backend
        case .cuda(let backend): backend
        }
    }

    /// The backend as `tune` and `benchmark gemm` need it.
    var measured: any MeasuredBackend {
        switch self {
        case .cpu(let backend): backend
        case .cuda(let backend): backend
        }
    }
}
