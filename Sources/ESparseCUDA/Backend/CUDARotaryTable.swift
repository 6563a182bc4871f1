// Cosines and sines of rotary positions on a device, computed once for all layers of a model.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

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
        var newCount = 256
        while newCount < positionCount { newCount *= 2 }
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(newCount * frequencies.count)
        sines.reserveCapacity(newCount * frequencies.count)
        for position in 0..<newCount {
            for frequency in frequencies {
                let angle = Double(position) * Double(frequency)
                cosines.append(Float(cos(angle)))
                sines.append(Float(sin(angle)))
            }
        }
        let rows = Rows(
            positionCount: newCount, cosines: try device.buffer(cosines), sines: try device.buffer(sines))
        state.withLock { $0 = rows }
        return rows
    }
}
