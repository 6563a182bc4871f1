// Page-locked host memory for copies that do not wait: the values of a decoding step, and large copies.

import CESparseCUDA

/// Page-locked host memory.
///
/// A copy runs in the stream's order, so it reads (or writes) the memory after the call has returned: change it only
/// when the stream has been waited for since.
@safe package final class PinnedBuffer: @unchecked Sendable {
    /// The device whose context it belongs to.
    package let device: CUDADevice
    /// Its size in bytes.
    package let byteCount: Int
    private let start: UnsafeMutableRawPointer

    /// Takes zeroed, page-locked memory.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package init(byteCount: Int, on device: CUDADevice) throws(CUDAError) {
        precondition(byteCount > 0)
        var start: UnsafeMutableRawPointer?
        try device.perform("take \(byteCount) bytes of page-locked memory") {
            unsafe device.driver.functions.memAllocHost(&start, byteCount)
        }
        guard let start = unsafe start else { preconditionFailure("memory that was taken is not null") }
        unsafe start.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        self.device = device
        self.byteCount = byteCount
        unsafe self.start = unsafe start
    }

    deinit {
        device.makeCurrentForRelease()
        _ = unsafe device.driver.functions.memFreeHost(start)
    }

    /// Calls `body` with the memory, or its first `count` values, as values of one type; it must not be in a copy.
    package func withValues<Element: BitwiseCopyable, Result, Failure: Error>(
        as type: Element.Type, count: Int? = nil, _ body: (inout MutableSpan<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let capacity = byteCount / MemoryLayout<Element>.stride
        let count = count ?? capacity
        precondition(count >= 0 && count <= capacity, "values leave their buffer")
        let values = unsafe UnsafeMutableBufferPointer(
            start: start.bindMemory(to: Element.self, capacity: count), count: count)
        var span = unsafe MutableSpan(_unsafeElements: values)
        defer { withExtendedLifetime(self) {} }
        return try body(&span)
    }

    /// Puts a copy of the first bytes to a slice's start on the stream; of all where `byteCount` is nil.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func enqueueCopy(to slice: DeviceSlice, byteCount: Int? = nil) throws(CUDAError) {
        let count = byteCount ?? self.byteCount
        precondition(count > 0 && count <= self.byteCount && count <= slice.byteCount, "a copy leaves its buffer")
        try device.perform("copy \(count) bytes to the device") {
            unsafe device.driver.functions.copyToDevice(slice.address, start, count, device.stream)
        }
        withExtendedLifetime(slice) {}
    }

    /// Puts a copy of a slice's start to the first bytes on the stream, to all where `byteCount` is nil; valid after
    /// `device.synchronize()`.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func enqueueCopy(from slice: DeviceSlice, byteCount: Int? = nil) throws(CUDAError) {
        let count = byteCount ?? self.byteCount
        precondition(count > 0 && count <= self.byteCount && count <= slice.byteCount, "a copy leaves its buffer")
        try device.perform("copy \(count) bytes from the device") {
            unsafe device.driver.functions.copyToHost(start, slice.address, count, device.stream)
        }
        withExtendedLifetime(slice) {}
    }
}
