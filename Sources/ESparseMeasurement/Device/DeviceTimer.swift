// Times products on a device that take turns, by marks on its stream.

import ESparseCUDA
import ESparseCore

/// Medians of linears measured in turn.
struct DeviceTimer {
    let backend: CUDABackend
    /// Seconds that all sides together take, about.
    let budget: Double

    private static let fewestRounds = 7

    /// Seconds of one product of each side: the median of rounds in which each side has a turn of several products.
    ///
    /// - Throws: `CUDAError`; `InterruptedError`.
    func medians(of sides: [[CUDALinear]], input: CUDAActivation) throws -> [Double] {
        let budget = budget / Double(sides.count)
        func turn(_ side: [CUDALinear], _ repetitions: Int) throws -> Double {
            try backend.device.seconds {
                for index in 0..<repetitions { _ = backend.multiply(input, by: side[index % side.count]) }
            } / Double(repetitions)
        }
        let repetitions = try sides.map { side in
            _ = try turn(side, side.count)
            let once = try turn(side, max(2, side.count))
            return max(2, min(1000, Int(budget / Double(Self.fewestRounds) / max(once, 1e-7))))
        }
        var samples = [[Double]](repeating: [], count: sides.count)
        for round in 0..<Self.fewestRounds {
            try Interruption.check()
            for place in sides.indices {
                let index = round % 2 == 0 ? place : sides.count - 1 - place
                samples[index].append(try turn(sides[index], repetitions[index]))
            }
        }
        return samples.map(AlternatingTimer.median)
    }
}
