// A small piece of work that the package in Benchmarks times.

import ESparseCPU
import FoundationEssentials

/// A piece of work to time again and again.
public struct Microbenchmark: Sendable {
    /// What is timed, with its sizes.
    public let name: String
    /// Whether one call is so short that only many together can be timed.
    public let isShort: Bool
    /// Prepares everything that the work needs and returns the work.
    ///
    /// - Throws: errors of the kernels' preparation.
    public let prepare: @Sendable () throws -> () -> Void

    init(_ name: String, isShort: Bool = false, prepare: @escaping @Sendable () throws -> () -> Void) {
        self.name = name
        self.isShort = isShort
        self.prepare = prepare
    }

    /// All of them: threads, attention, linears, shuffles, tokenizers.
    ///
    /// - Throws: `KernelError` when `ESPARSE_INSTRUCTION_SET` names an instruction set that is not there.
    public static func all() throws -> [Microbenchmark] {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let backend = try CPUBackend(precision: .preferred, threadCount: threads)
        return [threadRegion(backend), attention(backend, tokens: 1), attention(backend, tokens: 512)]
            + linears(backend, rows: 4096, columns: 4096) + shuffles(backend) + tokenizers()
    }
}
