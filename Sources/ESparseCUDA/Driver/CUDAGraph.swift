// Work that is recorded once and then started with one call, such as a decoding step.

import CESparseCUDA

/// Recorded work, ready to run.
@safe package final class CUDAGraph: Sendable {
    private let device: CUDADevice
    private let kept: [DeviceBuffer]
    private nonisolated(unsafe) let run: esparse_cu_graph_run

    fileprivate init(_ graph: esparse_cu_graph?, on device: CUDADevice, keeping buffers: [DeviceBuffer])
        throws(CUDAError)
    {
        var run: esparse_cu_graph_run?
        try device.perform("prepare a graph") { unsafe device.driver.functions.graphInstantiate(&run, graph, 0) }
        guard let run = unsafe run else { preconditionFailure("a graph that was prepared is not null") }
        self.device = device
        kept = buffers
        unsafe self.run = unsafe run
    }

    deinit {
        device.makeCurrentForRelease()
        _ = unsafe device.driver.functions.graphRunDestroy(run)
    }

    /// Puts the recorded work on the stream once more; it reads and writes the same addresses as when it was recorded.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func launch() throws(CUDAError) {
        try device.perform("start a graph") { unsafe device.driver.functions.graphLaunch(run, device.stream) }
    }
}

extension CUDADevice {
    /// Records what `body` puts on the stream, without running it.
    ///
    /// `body` may start kernels and products, copy on the device and from or to pinned memory, and fill. It must not
    /// make or drop buffers of the device's pool, wait, upload from plain arrays or use a kernel or product for the first time: do the
    /// same work once before, with the same `StepMemory`.
    /// The graph keeps the buffers that `body` returns; the caller must keep everything else that the work uses.
    /// - Throws: what `body` throws, or `CUDAError.callFailed`; the stream is usable again in any case.
    package func capture(_ body: () throws -> [DeviceBuffer]) throws -> CUDAGraph {
        try perform("record its work") {
            unsafe driver.functions.streamBeginCapture(stream, Int32(esparse_cu_capture_thread_local))
        }
        let outcome = Result(catching: body)
        var graph: esparse_cu_graph?
        let ended = Result { () throws(CUDAError) in
            try perform("end the record of its work") { unsafe driver.functions.streamEndCapture(stream, &graph) }
        }
        defer { if unsafe graph != nil { _ = unsafe driver.functions.graphDestroy(graph) } }
        let buffers = try outcome.get()
        try ended.get()
        return try unsafe CUDAGraph(graph, on: self, keeping: buffers)
    }
}
