// Marks on the stream, and the time between two of them.

import CESparseCUDA

/// A mark that the stream passes.
@safe package final class CUDAEvent: Sendable {
    private let device: CUDADevice
    private nonisolated(unsafe) let event: esparse_cu_event

    /// Makes a mark that is not on the stream yet.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package init(on device: CUDADevice) throws(CUDAError) {
        var event: esparse_cu_event?
        try device.perform("make an event") {
            unsafe device.driver.functions.eventCreate(&event, UInt32(esparse_cu_event_default))
        }
        guard let event = unsafe event else { preconditionFailure("an event that was made is not null") }
        self.device = device
        unsafe self.event = unsafe event
    }

    deinit {
        device.makeCurrentForRelease()
        _ = unsafe device.driver.functions.eventDestroy(event)
    }

    /// Puts the mark on the stream.
    package func record() throws(CUDAError) {
        try device.perform("record an event") { unsafe device.driver.functions.eventRecord(event, device.stream) }
    }

    /// Waits until the stream has passed the mark.
    package func synchronize() throws(CUDAError) {
        try device.perform("wait for an event") { unsafe device.driver.functions.eventSynchronize(event) }
    }

    /// Seconds of the device between another mark and this one, both passed.
    package func seconds(since start: CUDAEvent) throws(CUDAError) -> Double {
        var milliseconds: Float = 0
        try device.perform("time its work") {
            unsafe device.driver.functions.eventElapsedTime(&milliseconds, start.event, event)
        }
        return Double(milliseconds) / 1000
    }
}

extension CUDADevice {
    /// Seconds that the device takes for what `body` puts on the stream; waits for it.
    ///
    /// - Throws: `CUDAError`.
    package func seconds(_ body: () throws(CUDAError) -> Void) throws(CUDAError) -> Double {
        let start = try CUDAEvent(on: self)
        let end = try CUDAEvent(on: self)
        try start.record()
        try body()
        try end.record()
        try end.synchronize()
        return try end.seconds(since: start)
    }

    /// The median over `rounds` of the seconds that the device takes for `body`.
    ///
    /// - Throws: `CUDAError`.
    package func medianSeconds(
        rounds: Int, _ body: () throws(CUDAError) -> Void
    ) throws(CUDAError) -> Double {
        precondition(rounds > 0)
        var times: [Double] = []
        for _ in 0..<rounds { times.append(try seconds(body)) }
        times.sort()
        return times[rounds / 2]
    }
}
