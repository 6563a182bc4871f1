// Whole tiny models pruned with absorbed shuffles: another checkpoint of the same model, N:M as it is stored.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import FoundationEssentials
import Testing

@Suite struct AbsorbedPruneTests {
    private let backend: CPUBackend
    private let folder = FileManager.default.temporaryDirectory.path + "/esparse-absorbed-\(UUID().uuidString)"

    init() throws {
        backend = try CPUBackend(precision: .float32, threadCount: 2)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func original(_ name: String) throws -> Checkpoint {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return try Checkpoint.open(root + "/Command/" + name)
    }

    /// A model of the command's tests in which two weights of a row are not zero, so that 2:4 takes nothing away in any order.
    private func sparse(_ name: String) throws -> Checkpoint {
        let source = try original(name)
        let architecture = try ModelArchitecture(configuration: source.configuration)
        let linears = Set(architecture.blocks.flatMap { $0.sites.flatMap { $0.linears.map(\.name) } })
        var random = SeededRandom(seed: 8)
        let tensors = try architecture.tensors.map { description in
            let tensor = try source.weights.tensor(description.name)
            guard linears.contains(description.name) else { return (description.name, tensor) }
            var values = [Float](repeating: 0, count: tensor.elementCount)
            for row in 0..<tensor.rows {
                let first = random.integer(below: tensor.columns)
                let second = (first + 1 + random.integer(below: tensor.columns - 1)) % tensor.columns
                for column in [first, second] {
                    values[row * tensor.columns + column] = Float(random.integer(below: 64) - 32) / 16 + 0.03125
                }
            }
            return (description.name, try Tensor(values, shape: tensor.shape))
        }
        let path = folder + "/" + name
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try SafetensorsWriter.write(tensors.map { (name: $0.0, tensor: $0.1) }, to: path + "/model.safetensors")
        try source.configuration.write(to: URL(fileURLWithPath: path + "/config.json"))
        return try Checkpoint.open(path)
    }

    private func prune(
        _ checkpoint: Checkpoint, _ output: String, _ change: (inout PruningSettings) -> Void
    ) throws -> Checkpoint {
        var settings = PruningSettings(method: Magnitude(), precision: .float32)
        settings.shuffleMode = .absorbed
        settings.sampleCount = 3
        settings.sequenceLength = 32
        settings.blockSize = 32
        change(&settings)
        let architecture = try ModelArchitecture(configuration: checkpoint.configuration)
        let pruner = try Pruner(
            checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend, threadCount: 2,
            progress: SilentProgress())
        var random = SeededRandom(seed: 1)
        let sequences = (0..<3).map { _ in (0..<32).map { _ in Int32(random.integer(below: 500)) } }
        _ = try pruner.run(
            output: folder + "/" + output, calibrationDigest: "test", files: [:], resume: false,
            calibration: { CalibrationSet(sequences: sequences) })
        return try Checkpoint.open(folder + "/" + output)
    }

    private func losses(_ checkpoint: Checkpoint) throws -> [Double] {
        try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights, backend: backend
        ).negativeLogLikelihoods(of: [(0..<40).map { Int32($0 * 7 % 500) }])[0]
    }

    private func linears(of checkpoint: Checkpoint) throws -> [LinearDescription] {
        try ModelArchitecture(configuration: checkpoint.configuration).blocks.flatMap { $0.sites.flatMap(\.linears) }
    }

    /// Where pruning takes nothing away, only orders change; and they do change.
    @Test(arguments: ["tiny-llama", "tiny-opt"], CheckpointStorage.allCases)
    func ordersChangeNothingThatIsComputed(_ name: String, _ storage: CheckpointStorage) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try sparse(name)
        let expected = try losses(source)
        let trials: [(any PruningMethod, [MaskStage])] = [
            (Magnitude(), []), (ESparse.standard, [.refinement]), (ESparse.paper, [.update()]), (SparseGPT(), []),
        ]
        for (index, (method, stages)) in trials.enumerated() {
            let pruned = try prune(source, "pruned-\(index)") {
                $0.method = method
                $0.stages = method.stages + stages
                $0.storage = storage
            }
            for (found, exact) in zip(try losses(pruned), expected) {
                #expect(abs(found - exact) < 1e-4 * exact, "\(method.name)")
            }
            for linear in try linears(of: source) {
                let weight = try pruned.weights.linearWeight(linear.name)
                #expect(weight.permutation == nil)
                let values: [Float]
                switch weight.matrix {
                case .dense(let tensor): values = try tensor.floats()
                case .sparse(let matrix): values = try matrix.decompressed().floats()
                }
                #expect(try values != source.weights.tensor(linear.name).floats(), "\(linear.name)")
            }
        }
    }

    /// Zeros lie N:M in the order in which weights are stored, without help from a permutation.
    @Test(arguments: ["tiny-llama", "tiny-opt"]) func denseTensorsHaveThePattern(_ name: String) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let pruned = try prune(original(name), "dense") { $0.storage = .dense }
        for linear in try linears(of: pruned) {
            let values = try pruned.weights.tensor(linear.name).floats()
            for start in stride(from: 0, to: values.count, by: 4) {
                #expect(values[start..<start + 4].count { $0 != 0 } <= 2)
            }
        }
        #expect(pruned.manifest?.shuffleMode == .absorbed)
        #expect(pruned.manifest?.linears.allSatisfy(\.permuted) == true)
    }

    /// What the shuffles are for: every kind of site retains more saliency than in its own order.
    @Test func moreIsRetained() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func retained(_ mode: ShuffleSteps) throws -> [String: Double] {
            let checkpoint = try prune(original("tiny-llama"), "\(mode)") { $0.shuffle = mode }
            var sums: [String: Double] = [:]
            for linear in checkpoint.manifest?.linears ?? [] {
                let kind = linear.name.split(separator: ".").dropLast().last.map(String.init) ?? ""
                sums[
                    ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"].contains(kind) ? "stream" : kind, default: 0] +=
                    linear.retainedSaliency ?? 0
            }
            return sums
        }
        let (none, both) = (try retained(.none), try retained(.both))
        #expect(none.keys.sorted() == ["down_proj", "o_proj", "stream"])
        for (kind, sum) in none { #expect(both[kind, default: 0] > sum, "\(kind)") }
    }

    /// A site with nothing to prune takes no part; with none at all the residual stream keeps its order.
    @Test func onlyWhatIsPrunedCounts() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try original("tiny-llama")
        let table = "model.embed_tokens.weight"
        func floats(_ checkpoint: Checkpoint, _ name: String) throws -> [Float] {
            try checkpoint.weights.tensor(name).floats()
        }
        let inner = try prune(source, "inner") { $0.include = ["*.down_proj.weight", "*.o_proj.weight"] }
        #expect(try floats(inner, table) == floats(source, table))
        let first = try prune(source, "first") {
            $0.method = Wanda()
            $0.include = ["*.layers.0.mlp.up_proj.weight"]
        }
        #expect(try floats(first, table) != floats(source, table))
        let last = try prune(source, "last") {
            $0.method = Wanda()
            $0.include = ["*.layers.1.self_attn.q_proj.weight"]
        }
        #expect(try floats(last, table) != floats(first, table))
    }
}
