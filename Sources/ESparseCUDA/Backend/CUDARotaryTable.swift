// Cosines and sines of rotary positions on a device, computed once for all layers of a model.

import ESparseCore
import Synchronization

/// `[position, frequency]` cosines and sines of `position * frequency` radians; grows as positions are asked for.
final class CUDARotaryTable: Sendable {
    /// Tables of at least as many positions as were asked for, never written again.
    struct Rows: Sendable {
        let positionCount: Int
        let cosines: DeviceBuffer
        let sines: DeviceBuffer
    }

    private let frequencies: [Float]
    private let device: CUDADevice
    private let state = Mutex<Rows?>(nil)

    init(frequencies: [Float], device: CUDADevice) {
        self.frequencies = frequencies
        self.device = device
    }

    /// Tables of positions `[0, positionCount)` at least.
    func rows(positionCount: Int) throws(CUDAError) -> Rows {
        if let rows = state.withLock({ $0 }), rows.positionCount >= positionCount { return rows }
        let newCount = RotaryAngles.capacity(for: positionCount)
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(newCount * frequencies.count)
        sines.reserveCapacity(newCount * frequencies.count)
        for position in 0..<newCount {
            for frequency in frequencies {
                let (cosine, sine) = RotaryAngles.cosineAndSine(position: position, frequency: frequency)
                cosines.append(cosine)
                sines.append(sine)
            }
        }
        let rows = Rows(
            positionCount: newCount, cosines: try device.buffer(cosines), sines: try device.buffer(sines))
        state.withLock { $0 = rows }
        return rows
    }
}
