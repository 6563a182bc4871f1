// Memory on a device, and slices of it.

import CESparseCUDA

/// Memory on a device, 256-byte aligned; dropping it frees it after all work that was put on the stream before.
///
/// Work enqueued with a slice of the buffer may therefore still run when the buffer is dropped.
@safe package final class DeviceBuffer: Sendable {
    /// Where the memory is.
    package let device: CUDADevice
    /// Its size in bytes.
    package let byteCount: Int
    /// Its address on the device.
    package let address: UInt64
    /// Where it goes back to; nil is the device's pool.
    private let memory: StepMemory?

    /// Takes memory from the device's pool; its contents are not defined. A buffer of 0 bytes has address 0.
    ///
    /// While a graph is recorded the memory would become the graph's, and what the pool gave cannot be given back: use `StepMemory` then.
    /// - Throws: `CUDAError.outOfMemory`, or another failing call.
    package init(byteCount: Int, on device: CUDADevice) throws(CUDAError) {
        precondition(byteCount >= 0)
        address = byteCount > 0 ? try device.takeMemory(byteCount) : 0
        self.device = device
        self.byteCount = byteCount
        memory = nil
    }

    /// Takes memory that `memory` keeps; its contents are not defined.
    ///
    /// - Throws: as the other, where there is none of this size and the pool is asked.
    package init(byteCount: Int, from memory: StepMemory) throws(CUDAError) {
        precondition(byteCount >= 0)
        address = byteCount > 0 ? try memory.take(byteCount) : 0
        device = memory.device
        self.byteCount = byteCount
        self.memory = memory
    }

    deinit {
        guard byteCount > 0 else { return }
        if let memory { memory.putBack(address, byteCount) } else { device.giveBackMemory(address) }
    }

    /// The whole buffer.
    package var all: DeviceSlice { DeviceSlice(buffer: self, byteOffset: 0, byteCount: byteCount) }

    /// What starts `byteOffset` bytes in, to the end or of `byteCount` bytes.
    package func slice(from byteOffset: Int, byteCount: Int? = nil) -> DeviceSlice {
        all.slice(from: byteOffset, byteCount: byteCount)
    }
}

/// Part of a buffer, which it keeps alive.
package struct DeviceSlice: Sendable {
    /// The buffer.
    package let buffer: DeviceBuffer
    /// Bytes before it in the buffer.
    package let byteOffset: Int
    /// Its size in bytes.
    package let byteCount: Int

    /// The address of its first byte.
    package var address: UInt64 { buffer.address + UInt64(byteOffset) }

    /// What starts `byteOffset` bytes in, to the end or of `byteCount` bytes; it must lie inside.
    package func slice(from byteOffset: Int, byteCount: Int? = nil) -> DeviceSlice {
        let count = byteCount ?? self.byteCount - byteOffset
        precondition(byteOffset >= 0 && count >= 0 && byteOffset + count <= self.byteCount, "a slice leaves its buffer")
        return DeviceSlice(buffer: buffer, byteOffset: self.byteOffset + byteOffset, byteCount: count)
    }
}

extension CUDADevice {
    /// The address of memory from the pool.
    func takeMemory(_ byteCount: Int) throws(CUDAError) -> esparse_cu_address {
        var address: esparse_cu_address = 0
        try makeCurrent()
        let code = unsafe driver.functions.memAllocAsync(&address, byteCount, stream)
        if code == Int32(esparse_cu_out_of_memory) {
            throw .outOfMemory(byteCount: byteCount, device: properties.name)
        }
        try driver.check(code, "take \(byteCount) bytes of memory")
        return address
    }

    /// Gives memory back to the pool, in the stream's order.
    func giveBackMemory(_ address: esparse_cu_address) {
        makeCurrentForRelease()
        _ = unsafe driver.functions.memFreeAsync(address, stream)
    }

    /// Memory from the pool, its contents not defined (`DeviceBuffer`).
    package func allocate(_ byteCount: Int) throws(CUDAError) -> DeviceBuffer {
        try DeviceBuffer(byteCount: byteCount, on: self)
    }

    /// Memory that holds `values`.
    package func buffer<Element: BitwiseCopyable>(_ values: [Element]) throws(CUDAError) -> DeviceBuffer {
        let buffer = try allocate(values.count * MemoryLayout<Element>.stride)
        try buffer.all.upload(values)
        return buffer
    }
}
