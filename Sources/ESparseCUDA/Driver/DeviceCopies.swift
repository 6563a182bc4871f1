// Copies between host and device, and on the device; sizes are checked against both sides.

import CESparseCUDA

extension DeviceSlice {
    /// Copies host values to the slice's start; they may be changed once this returns.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func upload<Element: BitwiseCopyable>(_ values: [Element]) throws(CUDAError) {
        try unsafe upload(values.span.bytes)
    }

    /// Copies host bytes to the slice's start; they may be changed once this returns.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func upload(_ bytes: RawSpan) throws(CUDAError) {
        precondition(bytes.byteCount <= byteCount, "a copy is longer than its destination")
        guard bytes.byteCount > 0 else { return }
        let device = buffer.device
        try device.makeCurrent()
        let code = unsafe bytes.withUnsafeBytes {
            unsafe device.driver.functions.copyToDevice(address, $0.baseAddress, $0.count, device.stream)
        }
        try device.driver.check(code, "copy \(bytes.byteCount) bytes to the device")
        // By now the driver has staged host memory that is not pinned, but some devices read it in place.
        try device.synchronize()
    }

    /// Waits for all work, then copies the slice's first bytes to the host.
    ///
    /// - Throws: `CUDAError.callFailed`, also for a kernel that failed earlier.
    package func download(into bytes: inout MutableRawSpan) throws(CUDAError) {
        precondition(bytes.byteCount <= byteCount, "a copy is longer than its source")
        guard bytes.byteCount > 0 else { return }
        let device = buffer.device
        try device.makeCurrent()
        let code = unsafe bytes.withUnsafeMutableBytes {
            unsafe device.driver.functions.copyToHost($0.baseAddress, address, $0.count, device.stream)
        }
        try device.driver.check(code, "copy \(bytes.byteCount) bytes from the device")
        try device.synchronize()
    }

    /// Waits for all work, then copies the slice's first `count` values to the host.
    ///
    /// - Throws: `CUDAError.callFailed`, also for a kernel that failed earlier.
    package func download<Element: BitwiseCopyable & ExpressibleByIntegerLiteral>(
        _ type: Element.Type = Element.self, count: Int
    ) throws(CUDAError) -> [Element] {
        var values = [Element](repeating: 0, count: count)
        var span = values.mutableSpan
        var bytes = unsafe span.mutableBytes
        try download(into: &bytes)
        return values
    }

    /// Copies the first bytes of another slice, all of it where `byteCount` is nil, in the stream's order.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func copy(from source: DeviceSlice, byteCount: Int? = nil) throws(CUDAError) {
        let count = byteCount ?? source.byteCount
        precondition(count <= source.byteCount && count <= self.byteCount, "a copy leaves its buffer")
        guard count > 0 else { return }
        let device = buffer.device
        try device.perform("copy \(count) bytes on the device") {
            unsafe device.driver.functions.copyOnDevice(address, source.address, count, device.stream)
        }
        withExtendedLifetime((self, source)) {}
    }

    /// Sets every byte, in the stream's order.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func fill(with byte: UInt8 = 0) throws(CUDAError) {
        guard byteCount > 0 else { return }
        let device = buffer.device
        try device.perform("fill \(byteCount) bytes") {
            unsafe device.driver.functions.fill(address, byte, byteCount, device.stream)
        }
        withExtendedLifetime(self) {}
    }
}
