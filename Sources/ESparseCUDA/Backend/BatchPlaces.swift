// Sequence and position of every token of a batch, on the device.

import ESparseCore

/// Sequence slots and positions of a batch's tokens.
final class BatchPlaces: Sendable {
    /// The batch's segments, three numbers each.
    let signature: [Int]
    /// Slot of each token's sequence, `[T]`, int32.
    let sequences: DeviceSlice
    /// Position of each token in its sequence, `[T]`, int32.
    let positions: DeviceSlice

    init(_ batch: TokenBatch, signature: [Int], device: CUDADevice) throws(CUDAError) {
        let slots = batch.segments.flatMap { segment in
            [Int32](repeating: Int32(segment.sequence), count: segment.count)
        }
        // One copy for both.
        let buffer = try device.buffer(slots + batch.positions.map { Int32($0) })
        self.signature = signature
        sequences = buffer.slice(from: 0, byteCount: 4 * batch.tokenCount)
        positions = buffer.slice(from: 4 * batch.tokenCount)
    }

    /// Places in buffers that the caller fills, `[T]` each.
    init(sequences: DeviceSlice, positions: DeviceSlice) {
        signature = []
        self.sequences = sequences
        self.positions = positions
    }

    /// The key by which batches are compared.
    static func signature(_ batch: TokenBatch) -> [Int] {
        batch.segments.flatMap { [$0.sequence, $0.start, $0.count] }
    }
}
