// Memory for recorded work, which uses the same addresses every time it is repeated.

import Synchronization

/// Keeps returned buffers by size and hands them out again.
///
/// All work is on one stream, so memory can be given to later work while earlier work that used it has yet to run. The first run takes
/// what is missing from the pool; when the same work is recorded, everything is there. Several records share one memory, because their
/// contents do not outlive one run. The memory goes back to the device's pool when this and all its buffers are dropped.
package final class StepMemory: Sendable {
    /// Where the memory is.
    let device: CUDADevice
    /// Addresses of free memory, by size in bytes.
    private let kept = Mutex<[Int: [UInt64]]>([:])

    /// Keeps nothing at first.
    package init(on device: CUDADevice) { self.device = device }

    deinit {
        kept.withLock { $0.values.forEach { $0.forEach(device.giveBackMemory) } }
    }

    /// The address of memory that was used before, or else of new memory.
    func take(_ byteCount: Int) throws(CUDAError) -> UInt64 {
        if let address = kept.withLock({ $0[byteCount]?.popLast() }) { return address }
        return try device.takeMemory(byteCount)
    }

    /// Keeps memory that a buffer no longer needs.
    func putBack(_ address: UInt64, _ byteCount: Int) {
        kept.withLock { $0[byteCount, default: []].append(address) }
    }
}
