// `esparse devices`: what models can run on here, and what is missing for the rest.

import ArgumentParser
import ESparseCPU
import ESparseCUDA
import ESparseReport
import FoundationEssentials

struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices",
        abstract: "List what models can run on here, and what is missing.",
        discussion: """
            NVIDIA's libraries are looked for where the system looks (LD_LIBRARY_PATH too), in CUDA_HOME and CUDA_PATH, \
            below /usr/local/cuda*, and in the nvidia folders of Python packages.
            """)

    @OptionGroup var json: JSONOption

    func run() throws {
        let report = DevicesReport(
            cpu: CPUDescription(instructionSet: try .selected()), cuda: CUDAInventory())
        try json.write(encoding: report)

        print("cpu     \(report.cpu.sentence)")
        for device in report.cuda.devices {
            let memory = Quantity.bytes(device.memoryBytes)
            let sentence =
                "\(device.model); compute capability \(device.computeCapability), \(memory), "
                + "\(device.multiprocessors) multiprocessors"
            print("\(device.name)  \(device.problem ?? sentence)")
        }
        if let problem = report.cuda.problem { print("no CUDA device can be used: \(problem)") }
        print("")
        for library in report.cuda.libraries { print(library.sentence) }
    }
}

/// What the command finds.
private struct DevicesReport: Encodable {
    let cpu: CPUDescription
    let cuda: CUDAInventory
}

/// The CPU backend.
private struct CPUDescription: Encodable {
    let processor: String
    let threads: Int
    let instructionSet: String
    let precision: String

    enum CodingKeys: String, CodingKey {
        case processor, threads, precision
        case instructionSet = "instruction_set"
    }

    init(instructionSet: InstructionSet) {
        processor = Processor.name
        threads = ProcessInfo.processInfo.activeProcessorCount
        self.instructionSet = instructionSet.rawValue
        precision = Precision.preferred.rawValue
    }

    var sentence: String { "\(processor); \(threads) threads, \(precision), own kernels in \(instructionSet)" }
}
