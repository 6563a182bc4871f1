// A device in use: its context, the one stream that all work goes through in order, and its memory.

import CESparseCUDA

/// Memory of a device in bytes.
package struct CUDAMemory: Sendable, Equatable {
    /// Bytes that can be had, without those that the pool keeps for reuse.
    package let free: Int
    /// All bytes.
    package let total: Int
}

/// A device of compute capability 8.0 or higher, in use.
///
/// Everything (copies, kernels, products) is put on one stream and runs in the order of the calls; only `synchronize`,
/// copies to the host and events wait. Several threads may call the driver at once; they are responsible for the
/// order of their work.
@safe package final class CUDADevice: Sendable {
    /// Its driver.
    package let driver: CUDADriver
    /// What kind of device it is.
    package let properties: CUDADeviceProperties
    /// The stream, for libraries that put their work on it.
    nonisolated(unsafe) let stream: esparse_cu_stream
    private nonisolated(unsafe) let context: esparse_cu_context
    private let handle: esparse_cu_device

    /// Opens device `index`: retains its primary context and makes a stream.
    ///
    /// - Throws: `CUDAError`: `deviceMissing`, `deviceTooOld`, or a failing call; nothing is left open then.
    package init(index: Int = 0, driver: CUDADriver) throws(CUDAError) {
        let devices = try driver.devices()
        guard devices.indices.contains(index) else { throw .deviceMissing(index: index, count: devices.count) }
        let properties = devices[index]
        guard properties.capability >= .minimum else {
            throw .deviceTooOld(name: properties.name, capability: properties.capability)
        }
        let handle = try driver.handle(of: index)
        var context: esparse_cu_context?
        try driver.check(
            unsafe driver.functions.primaryContextRetain(&context, handle), "open a context on \(properties.name)")
        do {
            unsafe stream = try unsafe Self.makeStream(in: context, of: handle, driver)
        } catch {
            _ = driver.functions.primaryContextRelease(handle)
            throw error
        }
        guard let context = unsafe context else { preconditionFailure("a context that was retained is not null") }
        unsafe self.context = unsafe context
        self.driver = driver
        self.properties = properties
        self.handle = handle
    }

    private static func makeStream(
        in context: esparse_cu_context?, of handle: esparse_cu_device, _ driver: CUDADriver
    ) throws(CUDAError) -> esparse_cu_stream {
        try driver.check(unsafe driver.functions.contextSetCurrent(context), "use a context")
        var pool: esparse_cu_pool?
        try driver.check(unsafe driver.functions.deviceGetDefaultMemPool(&pool, handle), "open the memory pool")
        // Freed memory stays in the pool; otherwise every synchronisation would return it to the system.
        var threshold = UInt64.max
        try driver.check(
            unsafe driver.functions.memPoolSetAttribute(pool, Int32(esparse_cu_pool_release_threshold), &threshold),
            "set up the memory pool")
        var stream: esparse_cu_stream?
        try driver.check(
            unsafe driver.functions.streamCreate(&stream, UInt32(esparse_cu_stream_non_blocking)), "make a stream")
        guard let stream = unsafe stream else { preconditionFailure("a stream that was made is not null") }
        return unsafe stream
    }

    deinit {
        _ = unsafe driver.functions.contextSetCurrent(context)
        _ = unsafe driver.functions.streamDestroy(stream)
        _ = driver.functions.primaryContextRelease(handle)
    }

    /// Waits until all work that was put on the stream is done.
    ///
    /// - Throws: `CUDAError.callFailed`, also for a kernel that failed earlier.
    package func synchronize() throws(CUDAError) {
        try perform("finish its work") { unsafe driver.functions.streamSynchronize(stream) }
    }

    /// Free and total memory.
    package func memory() throws(CUDAError) -> CUDAMemory {
        var free = 0
        var total = 0
        try perform("tell its memory") { unsafe driver.functions.memGetInfo(&free, &total) }
        return CUDAMemory(free: free, total: total)
    }

    /// Calls the driver with this device's context current on the calling thread; `operation` fits "cannot …".
    func perform(_ operation: @autoclosure () -> String, _ call: () -> esparse_cu_result) throws(CUDAError) {
        try makeCurrent()
        try driver.check(call(), operation())
    }

    /// Makes this device's context the calling thread's, as libraries that are called next want it.
    func makeCurrent() throws(CUDAError) {
        try driver.check(unsafe driver.functions.contextSetCurrent(context), "use a context")
    }

    /// Makes the context current in a `deinit`, where failures cannot be reported.
    func makeCurrentForRelease() { _ = unsafe driver.functions.contextSetCurrent(context) }
}
