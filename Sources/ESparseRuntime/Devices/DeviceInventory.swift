// What models can run on here, and what is missing for the rest.

import ESparseCPU
package import ESparseCUDA
import ESparseCore
import FoundationEssentials

/// The processor, and the GPUs with their libraries.
package struct DeviceInventory: Encodable {
    /// The processor.
    package let cpu: CPUDescription
    /// GPUs and NVIDIA's libraries.
    package let cuda: CUDAInventory

    /// Looks at this machine.
    ///
    /// - Throws: `KernelError` when the environment asks for instructions that are not there.
    package init() throws {
        cpu = CPUDescription(instructionSet: try .selected())
        cuda = CUDAInventory()
    }
}

/// The CPU backend on this machine.
package struct CPUDescription: Encodable {
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

    /// One line.
    package var sentence: String {
        "\(processor); \(threads) threads, \(precision), own kernels in \(instructionSet)"
    }
}
