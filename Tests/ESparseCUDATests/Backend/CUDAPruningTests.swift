// The arithmetic of pruning on the emulated device against plain arithmetic, and what it leaves on the device.

import ESparseCUDA
import ESparseCore
import ESparseDeviceChecks
import ESparseReference
import Testing

@Suite(.serialized) struct CUDAPruningTests {
    @Test(arguments: PruningStep.allCases) func everyStepAgrees(_ step: PruningStep) throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        for check in PruningCheck.all(isQuick: true) {
            let (found, expected) = try check.values(of: step, on: backend)
            #expect(found.count == expected.count && found.count > 1)
            #expect(normalizedMeanSquaredError(found, expected) <= step.bound, "\(check)")
        }
    }

    /// Copies through page-locked memory, also one inside another, as measurements make them.
    @Test func valuesPassThroughLentMemory() throws {
        let backend = try EmulatedBackend.make(.bfloat16)
        func filled(_ tokens: Int, _ start: Float) throws -> CUDAActivation {
            try backend.activation(tokens: tokens, channels: 3) { values in
                for index in 0..<values.count { values[index] = start + Float(index) }
            }
        }
        let first = try filled(5, 100)
        let outer = try backend.withFloats(of: first) { values -> Float in
            let second = try filled(7, 500)
            let inner = try backend.withFloats(of: second) { $0[20] + values[14] }
            return inner + values[0]
        }
        #expect(outer == 520 + 114 + 100)
        #expect(try backend.floats(of: first) == (0..<15).map { 100 + Float($0) })
        #expect(try backend.withFloats(of: filled(0, 0)) { $0.count } == 0)
    }
}
