// The device buffers and scratch that a decoding step uses in place of host values, so that it can be recorded.

import Synchronization

/// A step that is run or recorded.
///
/// While it is current, operations on the calling thread take tokens, sequences and positions from its buffers, and scratch from its memory.
final class DecodingStep: Sendable {
    /// The step that this thread's operations belong to.
    @TaskLocal static var current: DecodingStep?

    /// Tokens to read, `[T]`, int32.
    let tokens: DeviceSlice
    /// Sequence, position and length of text of each token.
    let places: BatchPlaces
    /// Splits of every attention: enough for all positions of the step's class.
    let splits: Int
    fileprivate let memory: StepMemory
    private let used = Mutex<[ObjectIdentifier: DeviceBuffer]>([:])

    init(tokens: DeviceSlice, places: BatchPlaces, splits: Int, memory: StepMemory) {
        self.tokens = tokens
        self.places = places
        self.splits = splits
        self.memory = memory
    }

    /// Buffers that the recorded work must keep.
    var keptBuffers: [DeviceBuffer] { used.withLock { Array($0.values) } }

    /// Keeps buffers that the recorded work uses and that might be dropped before it.
    func keep(_ buffers: [DeviceBuffer?]) {
        used.withLock { used in
            for case let buffer? in buffers { used[ObjectIdentifier(buffer)] = buffer }
        }
    }
}

extension CUDADevice {
    /// Memory for what does not outlive a pass: the step's where there is one, else the pool's.
    func scratch(_ byteCount: Int) throws(CUDAError) -> DeviceBuffer {
        guard let step = DecodingStep.current else { return try allocate(byteCount) }
        return try DeviceBuffer(byteCount: byteCount, from: step.memory)
    }
}
