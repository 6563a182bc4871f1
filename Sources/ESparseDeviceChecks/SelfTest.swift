// Checks every operation of a backend against the reference and prints the worst error of each.

package import ESparseCUDA
import ESparseCore
import ESparseReference

/// The checks of one backend.
package struct SelfTest {
    private let backend: CUDABackend
    private let isQuick: Bool

    /// Checks `backend`, with small sizes only where it should be quick.
    package init(backend: CUDABackend, isQuick: Bool) {
        self.backend = backend
        self.isQuick = isQuick
    }

    /// The outcome of all cases of one operation.
    private struct Outcome {
        var cases = 0
        var worstError = 0.0
        /// The tolerance of the case whose error is the largest share of its tolerance.
        var allowed = 0.0
        var failures: [String] = []

        mutating func add(_ error: Double, allowed bound: Double, case name: String) {
            cases += 1
            let isWorse = error * allowed >= worstError * bound || !error.isFinite
            if isWorse || cases == 1 { (worstError, allowed) = (error, bound) }
            if !(error <= bound) { failures.append("\(name): error \(error), allowed \(bound)") }
        }
    }

    /// Runs all checks and prints the table; whether all agree.
    package func run() -> Bool {
        var outcomes: [(operation: String, outcome: Outcome)] = []
        func add(_ operation: String, _ error: Double, _ bound: Double, _ name: String) {
            let place =
                outcomes.firstIndex { $0.operation == operation }
                ?? {
                    outcomes.append((operation, Outcome()))
                    return outcomes.count - 1
                }()
            outcomes[place].outcome.add(error, allowed: bound, case: name)
        }
        let scenarios =
            Scenarios.layers + Scenarios.linears + Scenarios.attentions + (isQuick ? [] : Scenarios.large)
        for scenario in scenarios {
            let error = error(of: normalizedMeanSquaredError) {
                (try scenario.values(on: backend), try scenario.values(on: ReferenceBackend()))
            }
            add(scenario.operation, error, scenario.halfBound, "\(scenario)")
        }
        for check in KernelCheck.all(isQuick: isQuick) {
            for kernel in check.kernels(on: backend) {
                let error = error(of: normalizedMeanSquaredError) { try check.values(of: kernel, on: backend) }
                let pattern = check.pattern?.description ?? "dense"
                add("kernel \(kernel.rawValue), \(pattern)", error, check.bound, check.description)
            }
        }
        for check in SamplingCheck.all(isQuick: isQuick) {
            let error = error(of: share) { try check.tokens(on: backend) }
            add("sampling, share of other tokens", error, 0, check.description)
        }
        for check in DecodingCheck.all(isQuick: isQuick) {
            let error = error(of: share) { try check.tokens(on: backend) }
            add("recorded decoding, share of other tokens", error, 0, check.description)
        }
        for check in PruningCheck.all(isQuick: isQuick) {
            for step in PruningStep.allCases {
                let error = error(of: normalizedMeanSquaredError) { try check.values(of: step, on: backend) }
                add("pruning, \(step.rawValue)", error, step.bound, check.description)
            }
        }
        print("\n\(backend.type.rawValue): normalised mean squared error or what is named, the worst of each\n")
        for (operation, outcome) in outcomes {
            print(
                [
                    pad(operation, 44), pad("\(outcome.cases) cases", 12), pad(scientific(outcome.worstError), 10),
                    "of " + pad(scientific(outcome.allowed), 10), outcome.failures.isEmpty ? "ok" : "FAILED",
                ].joined(separator: " "))
            outcome.failures.forEach { print("  \($0)") }
        }
        print("")
        return outcomes.allSatisfy { $0.outcome.failures.isEmpty }
    }

    /// How far values are from a reference; infinite where they could not be had.
    private func error<Value>(
        of distance: ([Value], [Value]) -> Double,
        _ body: () throws -> ([Value], [Value])
    ) -> Double {
        do {
            let (values, reference) = try body()
            return distance(values, reference)
        } catch {
            print("\(error)")
            return .infinity
        }
    }

    /// The share of tokens that are not those expected.
    private func share(_ found: [Int32], _ expected: [Int32]) -> Double {
        guard found.count == expected.count else { return .infinity }
        return Double(zip(found, expected).count { $0 != $1 }) / Double(max(expected.count, 1))
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Two digits and a power of ten.
    private func scientific(_ value: Double) -> String {
        guard value > 0, value.isFinite else { return "\(value)" }
        var (mantissa, exponent) = (value, 0)
        while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
        while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
        return "\((mantissa * 10).rounded() / 10)e\(exponent)"
    }
}
