// Cosines and sines of rotary positions on a device, computed once for all layers of a model.

import ESparseCore
import Synchronization

/// `[row, frequency]` cosines and sines of `RotaryAngles`; grows as rows are asked for.
final class CUDARotaryTable: Sendable {
    /// Tables of at least as many rows as were asked for, never written again.
    struct Rows: Sendable {
        let count: Int
        let cosines: DeviceBuffer
        let sines: DeviceBuffer
    }

    let angles: RotaryAngles
    private let device: CUDADevice
    private let state = Mutex<Rows?>(nil)

    init(_ angles: RotaryAngles, device: CUDADevice) {
        self.angles = angles
        self.device = device
    }

    /// Tables of rows `[0, rowCount)` at least.
    func rows(_ rowCount: Int) throws(CUDAError) -> Rows {
        if let rows = state.withLock({ $0 }), rows.count >= rowCount { return rows }
        let newCount = RotaryAngles.capacity(for: rowCount)
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(newCount * angles.frequencyCount)
        sines.reserveCapacity(newCount * angles.frequencyCount)
        for row in 0..<newCount {
            for index in 0..<angles.frequencyCount {
                let (cosine, sine) = angles.cosineAndSine(row: row, index: index)
                cosines.append(cosine)
                sines.append(sine)
            }
        }
        let rows = Rows(count: newCount, cosines: try device.buffer(cosines), sines: try device.buffer(sines))
        state.withLock { $0 = rows }
        return rows
    }
}
