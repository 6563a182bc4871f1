// `esparse inspect`: what a checkpoint holds, whatever it says of itself.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseHub
import ESparseModels
import ESparsePruning
import ESparseReport
import ESparseRuntime

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a checkpoint holds: pattern, density and size of every linear.",
        discussion: "Patterns are found by looking at the zeros, whatever the checkpoint says about itself.")

    @Argument(
        help: ArgumentHelp(
            "A Hugging Face folder, a .gguf file, or org/name[@revision] on the hub.", valueName: "model"))
    var path: String

    @Flag(help: "Also show which kernels run each linear for how many tokens, and why.")
    var kernels = false

    @Option(help: "Arithmetic of --kernels; bf16 where not given and the processor has it.")
    var precision: Precision?

    @OptionGroup var device: DeviceOption
    @OptionGroup var profile: ProfileOption
    @OptionGroup var threads: ThreadOption
    @OptionGroup var json: JSONOption

    func validate() throws {
        try requireEffect(
            of: [
                "--precision": precision != nil, "--device": device.choice != nil,
                "--low-vram": device.isLowMemory,
                "--kernel-profile": profile.source != nil,
            ], with: "--kernels", kernels
        )
    }

    func run() throws {
        let progress = TerminalProgress()
        if kernels { try self.device.check(precision: precision, threads: threads, profile: profile.source) }
        let checkpoint = try Checkpoint.open(ModelLocation.path(of: path, progress: progress))
        let architecture = try ModelArchitecture(checkpoint)
        let device =
            kernels
            ? try device.open(
                precision: precision, threads: threads, profile: profile.source,
                weightType: architecture.weightType(in: checkpoint.weights), note: progress.note)
            : nil
        let inspection = try ModelInspection(
            architecture, weights: checkpoint.weights, fileBytes: checkpoint.fileBytes,
            shuffleMode: checkpoint.manifest?.shuffleMode, threadCount: threads.count, kernelsOn: device?.backend,
            progress: progress)
        try json.write(encoding: inspection)

        var table = TextTable(
            header: ["linear", "shape", "pattern", "density", "storage", "type", "bytes", "permuted"]
                + (kernels ? ["kernels by tokens"] : []))
        for linear in inspection.linears {
            table.append(
                [
                    linear.name, "\(linear.rows)x\(linear.columns)", linear.pattern,
                    Quantity.fixed(linear.density, decimals: 4), linear.storage, linear.elementType,
                    Quantity.bytes(linear.bytes), linear.permuted ? "yes" : "no",
                ] + (linear.kernels.map { [$0.map(\.description).joined(separator: ", ")] } ?? []))
        }
        print(table.plainText)
        if let leftOut = checkpoint.leftOut { print("Opened as text alone; left out: \(leftOut)") }
        print("\(inspection.parameterCount) parameters, \(Quantity.bytes(inspection.fileBytes)) of weight files")
        print("\(Quantity.bytes(inspection.sixteenBitBytes)) with 16-bit weights, packed as stored")
        if let mode = inspection.shuffleMode { print("Shuffle mode: \(mode.rawValue)") }
    }
}
