// `esparse devices`: what models can run on here, and what is missing for the rest.

import ArgumentParser
import ESparseCUDA
import ESparseReport
import ESparseRuntime

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
        let report = try DeviceInventory()
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
