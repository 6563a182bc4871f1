// `--device` and `--low-vram`: where a command computes, and how it holds weights there.

import ArgumentParser
import ESparseCore
import ESparseRuntime

extension DeviceChoice: ExpressibleByArgument {
    /// Reads "cpu", "cuda" or "cuda:N".
    public init?(argument: String) { self.init(argument) }
}

/// Where to compute.
struct DeviceOption: ParsableArguments {
    @Option(
        name: .customLong("device"),
        help: ArgumentHelp(
            "Where to compute; cpu where not given.", valueName: "cpu|cuda[:n]"))
    var choice: DeviceChoice?

    @Flag(
        name: .customLong("low-vram"),
        help: "Hold 2:4 weights on a GPU once, as small as in the checkpoint; prompts are slower then.")
    var isLowMemory = false

    /// Opens the backend that this and a command's other options ask for.
    ///
    /// Single precision and a profile's file go with the processor only.
    /// - Parameters:
    ///   - precision: `--precision` where it was given.
    ///   - threads: `--threads`.
    ///   - profile: `--kernel-profile` where it was given.
    ///   - otherwise: the profile to use where none was given.
    ///   - weightType: element type of the checkpoint's weights, where there is a checkpoint.
    ///   - note: receives what the user should know, a line at a time.
    /// - Throws: `ValidationError` when the options contradict each other; the backend's error.
    func open(
        precision: Precision?, threads: ThreadOption, profile: ProfileSource?, otherwise: ProfileSource = .automatic,
        weightType: ElementType?, note: (String) -> Void
    ) throws -> OpenedBackend {
        try settings(precision, threads, profile ?? otherwise).open(weightType: weightType) { note("Note: \($0)") }
    }

    /// Refuses what can be refused before there is a model, which may have to be fetched.
    ///
    /// - Throws: as `open`.
    func check(precision: Precision?, threads: ThreadOption, profile: ProfileSource?) throws {
        try settings(precision, threads, profile ?? .automatic).check()
    }

    private func settings(
        _ precision: Precision?, _ threads: ThreadOption, _ profile: ProfileSource
    ) throws -> BackendSettings {
        let option = processorOnly(precision, profile)
        if let option, case .cuda = choice { throw ValidationError("\(option) goes with --device cpu") }
        return BackendSettings(
            device: option == nil ? choice : .cpu, isLowMemory: isLowMemory, precision: precision,
            threadCount: threads.count, profile: profile)
    }

    func validate() throws {
        var isGPU = false
        if case .cuda = choice { isGPU = true }
        try requireEffect(of: ["--low-vram": isLowMemory], with: "--device cuda", isGPU)
    }

    /// An option that only the processor can follow; nil where there is none.
    private func processorOnly(_ precision: Precision?, _ profile: ProfileSource) -> String? {
        if case .file = profile { return "a file as --kernel-profile" }
        return precision == .float32 ? "--precision f32" : nil
    }
}
