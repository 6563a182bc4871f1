// Times products on a device that take turns, by marks on its stream.

import ESparseCUDA

extension AlternatingTimer {
    /// Seconds that the device takes for one product of each side; a side's linears, copies of one, run in turn.
    ///
    /// - Throws: `CUDAError`; `InterruptedError`.
    func medians(of sides: [[CUDALinear]], input: CUDAActivation, on backend: CUDABackend) throws -> [Double] {
        // What a first product of each copy prepares is not measured.
        for linear in sides.joined() { _ = backend.multiply(input, by: linear) }
        return try medians(
            sides.map { side in { _ = backend.multiply(input, by: side[$0 % side.count]) } },
            measuredBy: { work in
                var failure: (any Error)?
                let seconds = try backend.device.seconds {
                    do { try work() } catch { failure = error }
                }
                if let failure { throw failure }
                return seconds
            })
    }
}
