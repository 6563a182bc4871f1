// Memory for activations that is used again and again, because fresh pages cost more than the arithmetic on them.

import Synchronization

/// Hands out 64-byte aligned buffers and keeps returned ones up to a limit; past it, the sizes that have gone unused for the
/// longest are freed first.
final class BufferPool: Sendable {
    /// Most bytes that are kept for later.
    private static let retainedLimit = 1 << 29

    private struct State {
        /// Addresses of free buffers of each capacity.
        var free: [Int: [UInt]] = [:]
        var retainedBytes = 0
        /// When a buffer of each capacity was last asked for, in requests.
        var lastRequest: [Int: Int] = [:]
        var requestCount = 0

        /// Takes out free buffers of other capacities, the longest unused first, until `byteCount` more bytes fit.
        mutating func makeRoom(for byteCount: Int, keeping capacity: Int) -> [UInt] {
            var evicted: [UInt] = []
            while retainedBytes + byteCount > BufferPool.retainedLimit,
                let oldest = free.keys.filter({ $0 != capacity })
                    .min(by: { lastRequest[$0, default: 0] < lastRequest[$1, default: 0] })
            {
                if let address = free[oldest]?.popLast() {
                    evicted.append(address)
                    retainedBytes -= oldest * MemoryLayout<Float>.stride
                }
                if free[oldest]?.isEmpty ?? true {
                    free[oldest] = nil
                    lastRequest[oldest] = nil
                }
            }
            return evicted
        }
    }

    private let state = Mutex(State())

    deinit {
        state.withLock { state in
            for addresses in state.free.values {
                for address in addresses { unsafe UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
            }
        }
    }

    /// A buffer of at least `count` singles with arbitrary contents.
    func buffer(count: Int) -> FloatBuffer {
        let capacity = Self.capacity(for: count)
        let address = state.withLock { state -> UInt? in
            state.requestCount += 1
            state.lastRequest[capacity] = state.requestCount
            guard let address = state.free[capacity]?.popLast() else { return nil }
            state.retainedBytes -= capacity * MemoryLayout<Float>.stride
            return address
        }
        let byteCount = capacity * MemoryLayout<Float>.stride
        let kept = unsafe address.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
        let memory = unsafe kept ?? UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        return unsafe FloatBuffer(
            start: memory.bindMemory(to: Float.self, capacity: capacity), capacity: capacity, pool: self)
    }

    fileprivate func takeBack(_ memory: UnsafeMutablePointer<Float>, capacity: Int) {
        let byteCount = capacity * MemoryLayout<Float>.stride
        let address = UInt(bitPattern: memory)
        let unneeded = state.withLock { state in
            let evicted = state.makeRoom(for: byteCount, keeping: capacity)
            guard state.retainedBytes + byteCount <= Self.retainedLimit else { return evicted + [address] }
            state.retainedBytes += byteCount
            state.free[capacity, default: []].append(address)
            return evicted
        }
        for address in unneeded { unsafe UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
    }

    /// `count` rounded up to one of 8 steps an octave, so that buffers of about the same size serve each other.
    private static func capacity(for count: Int) -> Int {
        let step = max(1024, 1 << max(0, Int.bitWidth - count.leadingZeroBitCount - 4))
        return (max(count, 1) + step - 1) / step * step
    }
}

/// Memory on loan from a pool; it goes back with the last reference.
@safe final class FloatBuffer: @unchecked Sendable {
    /// The first value. Written only by whoever just made the buffer or holds the only reference.
    let start: UnsafeMutablePointer<Float>
    private let capacity: Int
    private let pool: BufferPool

    fileprivate init(start: UnsafeMutablePointer<Float>, capacity: Int, pool: BufferPool) {
        unsafe self.start = start
        self.capacity = capacity
        self.pool = pool
    }

    deinit { unsafe pool.takeBack(start, capacity: capacity) }

    /// A buffer of the same pool with the first `count` values of this one.
    func copy(count: Int) -> FloatBuffer {
        let copy = pool.buffer(count: count)
        unsafe copy.start.update(from: start, count: count)
        return copy
    }
}
