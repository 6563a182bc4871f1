// The machine and the settings that a report's figures belong to.

import ESparseCPU
import ESparseCore
import ESparseReport

/// What figures were measured on.
struct MachineDescription: Sendable, Encodable {
    /// The processor, as the system names it.
    let processor: String
    /// Threads that computed.
    let threads: Int
    /// The instructions our own kernels used.
    let instructionSet: String
    /// How linears rounded.
    let precision: String
    /// Version of this tool.
    let version: String
    /// Single-precision arithmetic of all threads, in billions of operations a second.
    let peakFloat32: Double
    /// The same for bf16 dot products, where there are any.
    let peakBFloat16: Double?
    /// Memory that all threads can read, in billions of bytes a second.
    let readBandwidth: Double

    enum CodingKeys: String, CodingKey {
        case processor, threads, precision, version
        case instructionSet = "instruction_set"
        case peakFloat32 = "peak_f32_gflops_per_second"
        case peakBFloat16 = "peak_bf16_gflops_per_second"
        case readBandwidth = "read_gbytes_per_second"
    }

    init(backend: CPUBackend, peak: MachinePeak) {
        processor = Processor.name
        threads = backend.threadCount
        instructionSet = backend.instructionSet.rawValue
        precision = backend.precision.rawValue
        version = toolVersion
        peakFloat32 = peak.float32Operations / 1e9
        peakBFloat16 = peak.bfloat16Operations.map { $0 / 1e9 }
        readBandwidth = peak.readBytes / 1e9
    }

    /// Two lines for people.
    var text: String {
        let bfloat16 = peakBFloat16.map { ", \(Quantity.fixed($0, decimals: 0)) GFLOP/s bf16" } ?? ""
        return """
            \(processor); \(threads) threads, \(precision), own kernels in \(instructionSet)
            measured limits: \(Quantity.fixed(peakFloat32, decimals: 0)) GFLOP/s f32\(bfloat16), reading \
            \(Quantity.fixed(readBandwidth, decimals: 1)) GB/s

            """
    }
}
