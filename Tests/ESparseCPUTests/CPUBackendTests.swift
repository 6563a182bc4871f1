// Every operation of the CPU backend against the reference, for every precision and instruction set of this machine.

import ESparseCPU
import ESparseCore
import ESparseReference
import ESparseTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A way to run the CPU backend.
struct CPUConfiguration: Sendable, CustomStringConvertible {
    let precision: Precision
    let instructionSet: InstructionSet

    static let all = InstructionSet.available.flatMap { instructionSet in
        [Precision.float32, .bfloat16].map { CPUConfiguration(precision: $0, instructionSet: instructionSet) }
    }

    var description: String { "\(instructionSet) \(precision)" }

    func backend(threads: Int) -> CPUBackend {
        CPUBackend(precision: precision, threadCount: threads, instructionSet: instructionSet)
    }
}

@Suite struct CPUBackendTests {
    @Test(arguments: CPUConfiguration.all)
    func layersAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.layers, configuration) }

    @Test(arguments: CPUConfiguration.all)
    func linearsAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.linears, configuration) }

    @Test(arguments: CPUConfiguration.all)
    func attentionsAgree(_ configuration: CPUConfiguration) throws { try check(Scenarios.attentions, configuration) }

    /// One thread agrees with the reference, and two threads agree with one to the last bit.
    private func check(_ scenarios: [any BackendScenario], _ configuration: CPUConfiguration) throws {
        let single = configuration.backend(threads: 1)
        let double = configuration.backend(threads: 2)
        for scenario in scenarios {
            let values = try scenario.values(on: single)
            let reference = try scenario.values(on: ReferenceBackend())
            let error = normalizedMeanSquaredError(values, reference)
            let bound = configuration.precision == .float32 ? scenario.singleBound : scenario.bfloat16Bound
            #expect(error <= bound, "\(scenario)")
            #expect(try scenario.values(on: double).map(\.bitPattern) == values.map(\.bitPattern), "\(scenario)")
        }
    }

    /// The prompt of a sequence may come in any pieces, also where it is long enough for other rotary frequencies.
    @Test(arguments: CPUConfiguration.all, [[70], [1, 69], [33, 4, 33], [64, 6], [2, 2, 2, 2, 62]])
    func chunkedPrefillEqualsWhole(_ configuration: CPUConfiguration, _ chunks: [Int]) throws {
        func scenario(_ calls: [[Int]]) -> AttentionScenario {
            AttentionScenario(
                headCount: 6, keyValueHeadCount: 2, headSize: 20, frequencyCount: 10, isPermuted: true,
                shortPositions: 40, isOneText: true, calls: calls)
        }
        let (pieces, whole) = try CacheChecks.chunkedPrefill(
            on: configuration.backend(threads: 1), chunks: chunks, scenario)
        #expect(normalizedMeanSquaredError(pieces, whole) < 1e-11)
    }

    /// Assigned caches share their memory until one is written; `copy` separates them at once.
    @Test(arguments: [false, true]) func copiesOfCachesAreIndependent(_ separates: Bool) throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 1)
        let results = try CacheChecks.copies(on: backend) { separates ? try $0.copy() : $0 }
        for (found, expected) in results { #expect(found == expected) }
    }

    /// Positions before a window are not read, by pieces and by tiles.
    @Test(arguments: CPUConfiguration.all, [(1, 1), (200, 1), (300, 3), (7, 200), (1, 70)])
    func hiddenPositionsAreNotRead(_ configuration: CPUConfiguration, _ sizes: (window: Int, count: Int)) throws {
        let output = try CacheChecks.behindHidden(
            on: configuration.backend(threads: 1), window: sizes.window, headSize: 20, count: sizes.count)
        #expect(output.count == sizes.count * 40 && output.allSatisfy { abs($0 - 1) < 1e-5 })
    }

    /// Far from 0 and near it, where `1 - 2 / (e^2x + 1)` would cancel.
    @Test(arguments: CPUConfiguration.all.filter { $0.precision == .float32 })
    func softCapsKeepRelativePrecision(_ configuration: CPUConfiguration) throws {
        let backend = configuration.backend(threads: 1)
        let head = try backend.prepareLinear(LinearWeight(matrix: .dense(try Tensor([1], shape: [1, 1]))), bias: nil)
        let points = (-3000...3000).map { Float($0) / 100 } + [1e-20, -1e-5, 1e30, -1e30]
        let capped = backend.floats(of: backend.logits(backend.activation(points, channels: 1), by: head, softCap: 7))
        for (point, value) in zip(points, capped) {
            let expected = 7 * tanh(Double(point) / 7)
            #expect(abs(Double(value) - expected) <= 1e-6 * abs(expected), "\(point)")
        }
        let hostile = backend.activation([.infinity, -.infinity, .nan], channels: 1)
        let limits = backend.floats(of: backend.logits(hostile, by: head, softCap: 7))
        #expect(limits[0] == 7 && limits[1] == -7 && limits[2].isNaN)
    }

    @Test func wrongShapesAreRefused() throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 1)
        #expect(
            throws: KernelError.shape([3], role: "a normalisation's weight", expected: [4])
        ) {
            _ = try backend.prepareNormalization(
                .layer, size: 4, weight: try Tensor([1, 2, 3], shape: [3]), bias: nil, epsilon: 0, permutation: nil)
        }
        #expect(throws: KernelError.self) {
            _ = try backend.makeCache(
                CacheDescription(
                    layerCount: 1 << 20, sequenceCount: 1 << 20, capacity: 1 << 20, keyValueHeadCount: 8, headSize: 64))
        }
        #expect(throws: KernelError.elementType(.uint8, role: "an embedding table")) {
            _ = try backend.prepareEmbedding(
                try Tensor(elementType: .uint8, shape: [1, 4], storage: ByteStorage(copying: [UInt8](0..<4))), scale: 1)
        }
    }

    /// The functions keep their relative precision over the whole range, where a mean squared error sees the large only.
    @Test(arguments: CPUConfiguration.all.filter { $0.precision == .float32 })
    func activationFunctionsKeepRelativePrecision(_ configuration: CPUConfiguration) {
        let backend = configuration.backend(threads: 1)
        let points = (-8000...9000).map { Float($0) / 100 + 0.001 }
        let input = backend.activation(points, channels: 1)
        let silu = backend.floats(of: backend.apply(.silu, to: input))
        let worst = zip(points, silu).map { point, value in
            abs(Double(value) / ActivationFunction.silu.value(at: Double(point)) - 1)
        }.max()
        #expect(worst ?? 1 < 1e-6)
        let extremes = backend.activation([-1e30, -100, 100, 1e30, .nan], channels: 1)
        let limits = backend.floats(of: backend.apply(.silu, to: extremes))
        #expect(limits[0] == 0 && limits[1] == 0 && limits[2] == 100 && limits[3] == 1e30 && limits[4].isNaN)
    }
}
