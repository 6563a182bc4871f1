// Whole tiny models pruned with the arithmetic on the emulated device and on the processor, the model's passes on the same backend.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import FoundationEssentials
import Testing

@Suite(.serialized) struct DevicePruneTests {
    /// Prunes a tiny model of the command's tests and returns its pruned linears, by name.
    private func pruned<B: Backend>(
        _ model: String, _ method: any PruningMethod, _ stages: [MaskStage] = [], on backend: B,
        device: any PruningDevice<B.Activation>, _ pattern: SparsityPattern = .twoOfFour, shuffle: ShuffleSteps = .both,
        mode: ShuffleMode = .runTime
    ) throws -> [String: SparseMatrix] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let checkpoint = try Checkpoint.open(root + "/Command/" + model)
        let architecture = try ModelArchitecture(configuration: checkpoint.configuration)
        var settings = PruningSettings(method: method, precision: .bfloat16)
        settings.stages += stages
        settings.pattern = pattern
        settings.shuffle = shuffle
        settings.shuffleMode = mode
        settings.sampleCount = 2
        settings.sequenceLength = 32
        settings.blockSize = 32
        let pruner = try Pruner(
            checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend, device: device,
            threadCount: 2, progress: SilentProgress())
        let output = FileManager.default.temporaryDirectory.path + "/esparse-device-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: output) }
        var random = SeededRandom(seed: 1)
        let sequences = (0..<2).map { _ in (0..<32).map { _ in Int32(random.integer(below: 500)) } }
        _ = try pruner.run(
            output: output, calibrationDigest: "test", files: [:], resume: false,
            calibration: { CalibrationSet(sequences: sequences) })
        let weights = try Checkpoint.open(output).weights
        var found: [String: SparseMatrix] = [:]
        for linear in architecture.blocks.flatMap({ $0.sites.flatMap(\.linears) }) {
            guard case .sparse(let matrix) = try weights.linearWeight(linear.name).matrix else { continue }
            // Read now: the folder goes.
            found[linear.name] = try SparseMatrix(
                rows: matrix.rows, columns: matrix.columns, pattern: matrix.pattern, values: matrix.values.copied(),
                bitmask: matrix.bitmask.copied())
        }
        #expect(found.count == architecture.blocks.reduce(0) { $0 + $1.sites.reduce(0) { $0 + $1.linears.count } })
        return found
    }

    /// The share of kept weights that two prunings of a model have in common.
    private func agreement(_ first: [String: SparseMatrix], _ second: [String: SparseMatrix]) throws -> Double {
        var (same, all) = (0, 0)
        for (name, matrix) in first {
            let other = try #require(second[name])
            for (left, right) in zip(bytes(matrix.bitmask), bytes(other.bitmask)) {
                same += (left & right).nonzeroBitCount
                all += left.nonzeroBitCount
            }
        }
        return Double(same) / Double(all)
    }

    private func bytes(_ tensor: Tensor) -> [UInt8] { unsafe tensor.withUnsafeBytes { unsafe Array($0) } }

    private func isSame(_ first: [String: SparseMatrix], _ second: [String: SparseMatrix]) throws -> Bool {
        try first.allSatisfy { name, matrix in
            let other = try #require(second[name])
            return bytes(matrix.bitmask) == bytes(other.bitmask) && bytes(matrix.values) == bytes(other.values)
        }
    }

    /// Methods whose statistics have the same bits on both sides give the same bytes: every block, shuffled.
    @Test(
        arguments: ["tiny-llama", "tiny-opt"],
        [ESparse.standard, ESparse.paper, Wanda(), RIA()] as [any PruningMethod])
    func unrefinedModelsHaveTheSameBytes(_ model: String, _ method: any PruningMethod) throws {
        let backend = try emulatedBackend()
        let host = try pruned(model, method, on: backend, device: processor(for: backend))
        let found = try pruned(model, method, on: backend, device: backend.pruning)
        #expect(try isSame(host, found))
    }

    /// The same where shuffles are absorbed, with copies of heads' orders on the device.
    @Test(arguments: ["tiny-llama", "tiny-opt"]) func absorbedModelsHaveTheSameBytes(_ model: String) throws {
        let backend = try emulatedBackend()
        let host = try pruned(
            model, ESparse.standard, on: backend, device: processor(for: backend), mode: .absorbed)
        let found = try pruned(model, ESparse.standard, on: backend, device: backend.pruning, mode: .absorbed)
        #expect(try isSame(host, found))
        let elsewhere = try pruned(model, ESparse.standard, on: backend, device: backend.pruning)
        #expect(try !isSame(elsewhere, found))
    }

    /// Refinement and updates begin with sums that round in another order.
    @Test(arguments: ["tiny-llama", "tiny-opt"]) func refinedModelsAgree(_ model: String) throws {
        let backend = try emulatedBackend()
        let trials: [(any PruningMethod, [MaskStage])] = [(ESparse.standard, [.refinement]), (SparseGPT(), [])]
        for (method, stages) in trials {
            let host = try pruned(model, method, stages, on: backend, device: processor(for: backend))
            let found = try pruned(model, method, stages, on: backend, device: backend.pruning)
            #expect(try agreement(host, found) > 0.99, "\(method.name)")
        }
    }

    /// Against a run on the processor alone: without calibration the same bytes; with it the model's own passes round otherwise.
    @Test(arguments: ["tiny-llama", "tiny-opt"]) func modelsOfBothDevicesAgree(_ model: String) throws {
        let backend = try emulatedBackend()
        let cpu = try CPUBackend(precision: .bfloat16, threadCount: 2)
        #expect(
            try isSame(
                pruned(model, Magnitude(), on: cpu, device: processor(for: cpu), .fourOfEight),
                pruned(model, Magnitude(), on: backend, device: backend.pruning, .fourOfEight)))
        // Masks lie in shuffled order, so only models without a shuffle can be laid side by side.
        let host = try pruned(
            model, ESparse.standard, [.refinement], on: cpu, device: processor(for: cpu), shuffle: .none)
        let found = try pruned(
            model, ESparse.standard, [.refinement], on: backend, device: backend.pruning, shuffle: .none)
        let agreement = try agreement(host, found)
        #expect(agreement > 0.9, "\(agreement)")
    }
}
