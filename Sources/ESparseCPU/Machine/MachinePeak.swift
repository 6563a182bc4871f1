// How fast this machine computes and reads memory in two plain loops: benchmarks state their figures as a fraction of it.

internal import CESparseCPU
import ESparseCore

/// The rates of arithmetic and of reading memory that a pool's threads reach together in loops that do nothing else.
///
/// These are yardsticks, not bounds: a kernel with another mix of reads and sums can pass them, and so can any in a quieter
/// moment of a shared machine. The arithmetic is of independent chains of multiply-adds in registers, on the widest vectors our kernels
/// use; instructions that they do not use, such as AMX's, do not count.
package struct MachinePeak: Sendable, Equatable {
    /// Single-precision operations a second; a multiply-add counts two.
    package let float32Operations: Double
    /// The same for bf16 dot products; nil where the processor has none.
    package let bfloat16Operations: Double?
    /// Bytes a second read from memory, in pieces of 1 MiB.
    package let readBytes: Double

    /// The larger of the two rates of arithmetic.
    package var operations: Double { max(float32Operations, bfloat16Operations ?? 0) }

    /// Measures for about a second, on all threads of `pool` at once: each figure is the best of several tries.
    ///
    /// It reads twice the size of all last-level caches, between 256 MiB and 1 GiB; caches larger than half a GiB may hold
    /// some of that.
    package static func measure(pool: ThreadPool) -> MachinePeak {
        let kernels = (InstructionSet.available.last ?? .plain).peakKernels
        let products = KernelTable.avx512BFloat16.flatMap { $0.isAvailable ? $0.peak : nil }
        return MachinePeak(
            float32Operations: operations(kernels, pool: pool),
            bfloat16Operations: products.map { operations($0, pool: pool) },
            readBytes: bandwidth(kernels, pool: pool))
    }

    private static func operations(_ kernels: esparse_peak_kernels, pool: ThreadPool) -> Double {
        let rounds: Int64 = 1_000_000
        let perThread = Double(rounds * kernels.operations)
        return best(of: 5, amount: perThread * Double(pool.threadCount)) {
            pool.run(count: pool.threadCount) { _ in kernels.multiply_add(rounds) }
        }
    }

    private static func bandwidth(_ kernels: esparse_peak_kernels, pool: ThreadPool) -> Double {
        let byteCount = min(max(2 * Processor.lastLevelCacheBytes, 256 << 20), 1 << 30)
        // Pages that were never written all read the same page of zeros: ByteStorage writes them.
        let memory = unsafe ByteStorage(byteCount: byteCount) { _ in }
        let piece = 1 << 20
        return best(of: 4, amount: Double(byteCount / piece * piece)) {
            pool.run(count: byteCount / piece) { index in
                unsafe memory.withUnsafeBytes { bytes in
                    guard let start = bytes.baseAddress else { return }
                    let words = unsafe (start + index * piece).assumingMemoryBound(to: UInt64.self)
                    _ = unsafe kernels.read(words, Int64(piece / 8))
                }
            }
        }
    }

    /// `amount` over the shortest time that `body` takes.
    private static func best(of count: Int, amount: Double, _ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        let shortest = (0..<count).map { _ in clock.measure(body) / .seconds(1) }.min() ?? 1
        return amount / max(shortest, 1e-9)
    }
}
