// Sequence, position and length of text of every token of a batch, on the device.

import ESparseCore

/// Sequence slots and positions of a batch's tokens.
final class BatchPlaces: Sendable {
    /// The batch's segments, four numbers each.
    let signature: [Int]
    /// Slot of each token's sequence, `[T]`, int32.
    let sequences: DeviceSlice
    /// Position of each token in its sequence, `[T]`, int32.
    let positions: DeviceSlice
    /// `TokenBatch.Segment.textLength` of each token's sequence, `[T]`, int32.
    let lengths: DeviceSlice

    init(_ batch: TokenBatch, signature: [Int], device: CUDADevice) throws(CUDAError) {
        let slots = batch.segments.flatMap { segment in
            [Int32](repeating: Int32(segment.sequence), count: segment.count)
        }
        let lengths = batch.segments.flatMap { segment in
            [Int32](repeating: Int32(segment.textLength), count: segment.count)
        }
        // One copy for all.
        let buffer = try device.buffer(slots + batch.positions.map { Int32($0) } + lengths)
        let byteCount = 4 * batch.tokenCount
        self.signature = signature
        sequences = buffer.slice(from: 0, byteCount: byteCount)
        positions = buffer.slice(from: byteCount, byteCount: byteCount)
        self.lengths = buffer.slice(from: 2 * byteCount)
    }

    /// Places in buffers that the caller fills, `[T]` each.
    init(sequences: DeviceSlice, positions: DeviceSlice, lengths: DeviceSlice) {
        signature = []
        self.sequences = sequences
        self.positions = positions
        self.lengths = lengths
    }

    /// The key by which batches are compared.
    static func signature(_ batch: TokenBatch) -> [Int] {
        batch.segments.flatMap { [$0.sequence, $0.start, $0.count, $0.textLength] }
    }
}
