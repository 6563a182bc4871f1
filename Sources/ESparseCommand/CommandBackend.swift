// The one place where commands choose between the processor and a GPU.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparseMeasurement
import ESparseModels
import ESparsePruning

/// A backend that commands run on.
protocol CommandBackend: KernelReporting {
    /// How linears round, as reports name it: "f32", "bf16" or "f16".
    var arithmetic: String { get }
    /// The precision that a pruning run with this backend records.
    var precision: Precision { get }
    /// What does the arithmetic of pruning beside it.
    var pruningDevice: any PruningDevice<Activation> { get }
}

extension CPUBackend: CommandBackend {
    var arithmetic: String { precision.rawValue }
    var pruningDevice: any PruningDevice<CPUActivation> {
        CPUPruning(backend: self, pool: pool, instructionSet: instructionSet)
    }
}

extension CUDABackend: CommandBackend {
    var arithmetic: String { type == .bfloat16 ? "bf16" : "f16" }
    var precision: Precision { .bfloat16 }
    var pruningDevice: any PruningDevice<CUDAActivation> { pruning }
}

/// What a command's options say about where and how to compute.
struct BackendOptions {
    /// nil: the best there is.
    let device: DeviceChoice?
    /// Whether 2:4 weights lie on a GPU once only.
    let isLowMemory: Bool
    /// nil: the best for the device.
    let precision: Precision?
    let threads: ThreadOption
    let profile: ProfileSource

    /// Opens the backend. A GPU that was asked for must be usable; where none was asked for, one that is there but cannot be used is
    /// named in one line, and the processor is used.
    ///
    /// - Parameters:
    ///   - weightType: the element type of the checkpoint's weights: float16 weights stay float16 on a GPU.
    ///   - note: receives what the user should know, a line at a time.
    func open(weightType: ElementType?, note: (String) -> Void) throws -> any CommandBackend {
        let type: HalfType = weightType == .float16 && precision == nil ? .float16 : .bfloat16
        switch device {
        case .cpu: break
        case .cuda(let index):
            let toolkit = try CUDAToolkit.load()
            return try cuda(index, type: type, toolkit, note)
        case nil:
            guard let found = UsableDevice.first() else { break }
            do {
                return try cuda(found.index, type: type, try CUDAToolkit.load(), note)
            } catch {
                note("Note: running on the processor, although there is \(found.name): \(error)")
            }
        }
        if isLowMemory { note("Note: --low-vram changes nothing on the processor") }
        return try CPUBackend.make(
            precision: precision ?? .preferred, threads: threads, profile: profile, note: note)
    }

    private func cuda(
        _ index: Int, type: HalfType, _ toolkit: CUDAToolkit, _ note: (String) -> Void
    ) throws -> CUDABackend {
        var backend = try CUDABackend(
            deviceIndex: index, type: type, weightMemory: isLowMemory ? .smallest : .fastest, toolkit: toolkit)
        let loaded = try backend.profileFile.load(profile)
        backend.profile = loaded.profile
        if let sentence = loaded.note { note("Note: \(sentence)") }
        note("Note: running on \(backend.device.properties.name) (cuda:\(index), \(backend.arithmetic))")
        if let limitation = backend.limitation { note("Note: \(limitation)") }
        return backend
    }
}

/// A GPU that can run models, as far as its driver says.
private struct UsableDevice {
    let index: Int
    let name: String

    static func first() -> UsableDevice? {
        guard let driver = try? CUDADriver.load(), let devices = try? driver.devices() else { return nil }
        return devices.first { $0.capability >= .minimum }.map { UsableDevice(index: $0.index, name: $0.name) }
    }
}

extension CPUBackend {
    /// A command's backend on the processor; `note` is told where kernels are held back or a profile is not used.
    static func make(
        precision: Precision, threads: ThreadOption, profile: ProfileSource, note: (String) -> Void
    ) throws -> CPUBackend {
        let loaded = try ProfileFile.processor.load(profile)
        let backend = try CPUBackend(precision: precision, threadCount: threads.count, profile: loaded.profile)
        for sentence in [backend.instructionSet.limitation, loaded.note].compactMap({ $0 }) {
            note("Note: \(sentence)")
        }
        return backend
    }
}

extension ModelArchitecture {
    /// Element type of the first linear's weights; nil where they cannot be read, which loading will tell.
    func weightType(in weights: any WeightSource) -> ElementType? {
        guard let linear = blocks.first?.sites.first?.linears.first,
            let weight = try? weights.linearWeight(linear.name)
        else { return nil }
        return switch weight.matrix {
        case .dense(let tensor): tensor.elementType
        case .sparse(let matrix): matrix.values.elementType
        }
    }
}
