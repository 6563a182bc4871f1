// The options `--device` and `--low-vram`: where a command computes, and how weights lie there.

import ArgumentParser
import ESparseCPU
import ESparseMeasurement

/// A device that was asked for by name.
enum DeviceChoice: ExpressibleByArgument, Equatable, CustomStringConvertible {
    /// The processor.
    case cpu
    /// A GPU by its number.
    case cuda(Int)

    /// Reads "cpu", "cuda" or "cuda:N".
    init?(argument: String) {
        switch argument {
        case "cpu": self = .cpu
        case "cuda": self = .cuda(0)
        default:
            guard argument.hasPrefix("cuda:"), let index = UInt16(argument.dropFirst(5)) else { return nil }
            self = .cuda(Int(index))
        }
    }

    /// As on the command line.
    var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let index): "cuda:\(index)"
        }
    }
}

/// Where to compute.
struct DeviceOption: ParsableArguments {
    @Option(
        name: .customLong("device"),
        help: ArgumentHelp(
            "Where to compute; where not given, the first GPU that can be used, else cpu.", valueName: "cpu|cuda[:n]"))
    var choice: DeviceChoice?

    @Flag(
        name: .customLong("low-vram"),
        help: "Hold 2:4 weights on a GPU once, as small as in the checkpoint; prompts are slower then.")
    var isLowMemory = false

    /// What `--precision` and `--kernel-profile`, where given, leave of the choice.
    ///
    /// Single precision and a profile's file go with the processor only.
    /// - Throws: `ValidationError` when they contradict `--device`.
    func choice(precision: Precision?, profile: ProfileSource?) throws -> DeviceChoice? {
        var isFile = false
        if case .file = profile { isFile = true }
        let isProcessorOnly = precision == .float32 || isFile
        try requireEffect(
            of: ["--low-vram": isLowMemory], with: "a GPU", choice != .cpu && !(choice == nil && isProcessorOnly))
        guard isProcessorOnly else { return choice }
        guard case .cuda = choice else { return .cpu }
        throw ValidationError("\(isFile ? "a file as --kernel-profile" : "--precision f32") goes with --device cpu")
    }
}
