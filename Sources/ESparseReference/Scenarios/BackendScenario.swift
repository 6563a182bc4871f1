// Operations of a backend with made-up inputs, written once and run on every backend.

package import ESparseCore

/// An operation with its inputs; the same on every backend.
package protocol BackendScenario: Sendable, CustomStringConvertible {
    /// The operation, without its sizes.
    var operation: String { get }
    /// Largest normalised mean squared error against `ReferenceBackend` when a backend computes in single precision.
    var singleBound: Double { get }
    /// The same when it multiplies in, or caches, bfloat16.
    var bfloat16Bound: Double { get }
    /// The same when, besides, inputs and results of operations have 16 bits, as on a GPU.
    var halfBound: Double { get }
    /// The operation's result.
    func values<Candidate: Backend>(on backend: Candidate) throws -> [Float]
}

extension BackendScenario {
    /// Rounding to bfloat16 is off by at most 2^-9, a mean square of 2^-18 / 3 for each of a few operands and the result.
    package var halfBound: Double { max(bfloat16Bound, 1e-5) }
}

/// Mean squared difference over mean square of the reference.
package func normalizedMeanSquaredError(_ values: [Float], _ reference: [Float]) -> Double {
    guard values.count == reference.count else { return .infinity }
    var difference = 0.0
    var power = 0.0
    for (value, expected) in zip(values, reference) {
        difference += (Double(value) - Double(expected)) * (Double(value) - Double(expected))
        power += Double(expected) * Double(expected)
    }
    return difference == 0 ? 0 : difference / power
}
