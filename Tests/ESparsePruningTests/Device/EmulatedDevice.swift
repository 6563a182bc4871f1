// The arithmetic of pruning on the emulated device, and activations for it.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparsePruning
import ESparseTestSupport

/// A backend on the emulated device; compiled kernels are not kept: they are not real.
func emulatedBackend(_ type: HalfType = .bfloat16) throws -> CUDABackend {
    let search = LibrarySearch(environment: try EmulatedCUDA.environment(), asksSystem: false)
    return try CUDABackend(type: type, toolkit: .load(search), cache: nil)
}

extension CUDABackend {
    /// Values `[T, channels]` as an activation in single precision, or rounded to 16 bits.
    func activation(_ values: [Float], channels: Int, inHalf: Bool) throws -> CUDAActivation {
        let singles = try activation(values, channels: channels)
        guard inHalf else { return singles }
        var identity = [Float](repeating: 0, count: channels * channels)
        for channel in 0..<channels { identity[channel * (channels + 1)] = 1 }
        let linear = try prepareLinear(
            LinearWeight(matrix: .dense(try Tensor(identity, shape: [channels, channels]))), bias: nil)
        return try multiply(singles, by: linear)
    }
}

/// The processor as the device that prunes what a backend runs.
func processor<B: Backend>(for backend: B) -> CPUPruning<B> {
    CPUPruning(backend: backend, pool: ThreadPool(threadCount: 2), instructionSet: .forExactKernels)
}

/// What a device gathers of some sequences.
func gathered<D: PruningDevice>(
    on device: D, _ sequences: [D.Activation], channels: Int, skipping skipped: Int, sumsProducts: Bool = true
) throws -> SiteSums<D.Products> {
    let accumulator = try device.makeAccumulator(
        channels: channels, bins: LogarithmicBins.kernelBinning, sumsProducts: sumsProducts)
    for sequence in sequences { try accumulator.append(sequence, skipping: skipped) }
    return try accumulator.finish()
}

/// Numbers near 0 with a few far from it.
func drawn(_ random: inout SeededRandom, _ count: Int) -> [Float] {
    (0..<count).map { _ in
        let size = Float(random.uniform() * 2 - 1)
        return random.integer(below: 20) == 0 ? size * 1000 : size
    }
}
