// The backend on the emulated device, loaded as on a real one: by the loader, with kernels by name.

import ESparseCUDA
import ESparseTestSupport

/// The emulated device.
enum EmulatedBackend {
    static func toolkit() throws -> CUDAToolkit {
        try CUDAToolkit.load(LibrarySearch(environment: EmulatedCUDA.environment(), asksSystem: false))
    }

    /// A backend with tiles of the vocabulary small enough that tests have several. Compiled kernels are not kept: they are not real.
    static func make(
        _ type: HalfType, weightMemory: CUDABackend.WeightMemory = .fastest
    ) throws -> CUDABackend {
        var backend = try CUDABackend(type: type, weightMemory: weightMemory, toolkit: toolkit(), cache: nil)
        backend.vocabularyTile = 64
        return backend
    }
}
