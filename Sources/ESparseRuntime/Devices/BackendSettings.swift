// The one place that chooses between the processor and a GPU.

import ESparseCPU
import ESparseCUDA
package import ESparseCore

/// Where and how to compute.
package struct BackendSettings {
    /// nil: the processor. A GPU must be asked for while the GPU backend has not run on hardware.
    package var device: DeviceChoice?
    /// Whether 2:4 weights lie on a GPU once only.
    package var isLowMemory: Bool
    /// nil: the best for the device.
    package var precision: Precision?
    /// Threads on the processor.
    package var threadCount: Int
    /// Who chooses kernels.
    package var profile: ProfileSource

    /// Puts settings together.
    package init(
        device: DeviceChoice?, isLowMemory: Bool, precision: Precision?, threadCount: Int, profile: ProfileSource
    ) {
        self.device = device
        self.isLowMemory = isLowMemory
        self.precision = precision
        self.threadCount = threadCount
        self.profile = profile
    }

    /// Refuses what `open` would refuse whatever the checkpoint is: a GPU without its driver, a named profile that cannot be used.
    ///
    /// - Throws: as `open(weightType:note:)`.
    package func check() throws {
        if case .cuda = device {
            _ = try Self.driver.get()
        } else if case .file = profile {
            _ = try ProfileFile.processor.load(profile)
        }
    }

    /// What `check` loads; held until the process ends, because a driver that is about to be used should not be unloaded first.
    private static let driver: Result<CUDADriver, any Error> = Result { try CUDADriver.load() }

    /// Opens the backend.
    ///
    /// - Parameters:
    ///   - weightType: the element type of the checkpoint's weights: float16 weights stay float16 on a GPU.
    ///   - note: receives what the user should know, a sentence at a time: which device is used, which is left aside, and what is
    ///     held back.
    /// - Throws: the backend's error, also where a GPU that was asked for cannot be used; the profile's error for a named file.
    package func open(weightType: ElementType?, note: (String) -> Void) throws -> OpenedBackend {
        if case .cuda(let index) = device {
            return .cuda(
                try cuda(index, type: weightType == .float16 && precision == nil ? .float16 : .bfloat16, note))
        }
        if device == nil, let name = Self.usableGPU() {
            note(
                "running on the processor; \(name) is there: try it with --device cuda, which has not been tested on hardware yet"
            )
        }
        let loaded = try ProfileFile.processor.load(profile)
        let backend = try CPUBackend(
            precision: precision ?? .preferred, threadCount: threadCount, profile: loaded.profile)
        for sentence in [backend.instructionSet.limitation, loaded.note].compactMap({ $0 }) { note(sentence) }
        return .cpu(backend)
    }

    private func cuda(_ index: Int, type: HalfType, _ note: (String) -> Void) throws -> CUDABackend {
        var backend = try CUDABackend(
            deviceIndex: index, type: type, weightMemory: isLowMemory ? .smallest : .fastest,
            toolkit: try CUDAToolkit.load())
        let loaded = try ProfileFile.device(backend.device.properties.name, type: type).load(profile)
        backend.profile = loaded.profile
        if let sentence = loaded.note { note(sentence) }
        note("running on \(backend.device.properties.name) (cuda:\(index), \(backend.arithmetic))")
        if let limitation = backend.limitation { note(limitation) }
        return backend
    }

    /// The name of the first GPU that can run models, as far as its driver says; nil where there is none.
    private static func usableGPU() -> String? {
        guard let driver = try? CUDADriver.load(), let devices = try? driver.devices() else { return nil }
        return devices.first { $0.capability >= .minimum }?.name
    }
}
