// Copies the host values of a decoding step to the device, and its tokens back.

import ESparseCore

/// Buffers of steps of one number of sequences T, at the same addresses for every step.
final class StepInput {
    /// What the step reads, and at its end what it has drawn, `[T]`, int32.
    let tokens: DeviceBuffer
    /// A random number for each sequence, `[T]`, f64.
    let uniforms: DeviceSlice
    /// Sequence, position and length of text of each token.
    let places: BatchPlaces
    private let tokenCount: Int
    private let device: CUDADevice
    /// Random numbers, sequences, positions and lengths one after another, `20 T` bytes: one copy for all.
    private let changing: DeviceBuffer
    private let changingOnHost: PinnedBuffer
    private let tokensOnHost: PinnedBuffer
    /// The contents of `tokens`; nil where unknown.
    private var held: [Int32]?

    init(tokenCount: Int, device: CUDADevice) throws(CUDAError) {
        self.tokenCount = tokenCount
        self.device = device
        tokens = try device.allocate(4 * tokenCount)
        changing = try device.allocate(20 * tokenCount)
        changingOnHost = try PinnedBuffer(byteCount: 20 * tokenCount, on: device)
        tokensOnHost = try PinnedBuffer(byteCount: 4 * tokenCount, on: device)
        uniforms = changing.slice(from: 0, byteCount: 8 * tokenCount)
        places = BatchPlaces(
            sequences: changing.slice(from: 8 * tokenCount, byteCount: 4 * tokenCount),
            positions: changing.slice(from: 12 * tokenCount, byteCount: 4 * tokenCount),
            lengths: changing.slice(from: 16 * tokenCount))
    }

    /// Takes a step's values; tokens go to the device only where it does not have them from the step before. Nothing that uses the
    /// buffers may still run.
    func write(tokens: [Int32], batch: TokenBatch, uniforms: [Double]) throws(CUDAError) {
        changingOnHost.withValues(as: UInt64.self) { values in
            for index in uniforms.indices { values[index] = uniforms[index].bitPattern }
        }
        changingOnHost.withValues(as: Int32.self) { values in
            for (index, segment) in batch.segments.enumerated() {
                values[2 * tokenCount + index] = Int32(segment.sequence)
                values[3 * tokenCount + index] = Int32(segment.start)
                values[4 * tokenCount + index] = Int32(segment.textLength)
            }
        }
        let isHeld = held == tokens
        // Unknown until `drawn` has waited for the step.
        held = nil
        guard !isHeld else { return }
        tokensOnHost.withValues(as: Int32.self) { values in
            for index in tokens.indices { values[index] = tokens[index] }
        }
        try tokensOnHost.enqueueCopy(to: self.tokens.all)
    }

    /// Enqueues the copy of the values that change from step to step; part of the step.
    func enqueueCopyIn() throws(CUDAError) { try changingOnHost.enqueueCopy(to: changing.all) }

    /// Enqueues the copy of the drawn tokens; part of the step.
    func enqueueCopyOut() throws(CUDAError) { try tokensOnHost.enqueueCopy(from: tokens.all) }

    /// Waits for the step; returns the drawn tokens.
    func drawn() throws(CUDAError) -> [Int32] {
        try device.synchronize()
        let drawn = tokensOnHost.withValues(as: Int32.self) { values in (0..<tokenCount).map { values[$0] } }
        held = drawn
        return drawn
    }
}
