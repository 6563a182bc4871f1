// Every family pruned with shuffles: what runs packed computes what the plain weights of the same run compute.

import ESparseCPU
import ESparseCUDA
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite(.serialized) struct FamilyPruneTests {
    /// Prunes a fixture's folder into two, packed and plain, and shows both and the model that was pruned.
    private func prune(
        _ name: String, mode: ShuffleMode = .runTime,
        _ body: (_ packed: Checkpoint, _ plain: Checkpoint, _ source: ModelArchitecture) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-family-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try ModelFixture.copyFolder(name, to: folder + "/source")
        let checkpoint = try Checkpoint.open(folder + "/source")
        let architecture = try ModelArchitecture(checkpoint)
        let backend = try CPUBackend(precision: .float32, threadCount: 2)
        var random = SeededRandom(seed: 1)
        let sequences = (0..<2).map { _ in (0..<24).map { _ in Int32(random.integer(below: 97)) } }
        for storage in [CheckpointStorage.packed, .dense] {
            var settings = PruningSettings(method: ESparse.standard, precision: .float32)
            settings.stages = [.refinement]
            settings.pattern = .fourOfEight
            settings.sampleCount = 2
            settings.sequenceLength = 24
            settings.storage = storage
            settings.shuffleMode = mode
            let pruner = try Pruner(
                checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend,
                threadCount: 2, progress: SilentProgress())
            let manifest = try pruner.run(
                output: folder + "/" + storage.rawValue, calibrationDigest: "test", files: [:], resume: false,
                calibration: { CalibrationSet(sequences: sequences) })
            #expect(manifest.linears.count == architecture.blocks.flatMap { $0.sites.flatMap(\.linears) }.count)
            for linear in manifest.linears { #expect(abs(linear.density - 0.5) < 0.01) }
        }
        try body(
            try Checkpoint.open(folder + "/packed"), try Checkpoint.open(folder + "/dense"), architecture)
    }

    private func logits<B: Backend>(_ checkpoint: Checkpoint, _ tokens: [Int32], on backend: B) throws -> [Float] {
        let model = try LanguageModel.load(
            architecture: ModelArchitecture(checkpoint), weights: checkpoint.weights, backend: backend)
        var cache = try model.makeCache(sequenceCount: 1, capacity: tokens.count)
        let hidden = try model.hidden(tokens, batch: .wholeSequence(tokens.count), cache: &cache)
        return try backend.floats(of: model.head.logits(hidden))
    }

    @Test(arguments: ModelFixture.families + [ModelFixture.withPictures])
    func packedComputesWhatThePlainWeightsDo(_ name: String) throws {
        let tokens = try ModelFixture(name).tokens
        let cpu = try CPUBackend(precision: .float32, threadCount: 2)
        try prune(name) { packed, plain, source in
            let expected = try logits(plain, tokens, on: cpu)
            #expect(relativeError(expected, try ModelFixture(name).logits) > 0.01)
            #expect(relativeError(try logits(packed, tokens, on: cpu), expected) < 1e-4)
            #expect(relativeError(try logits(packed, tokens, on: emulatedBackend(.float16)), expected) < 0.02)
            // Sites whose input can be shuffled at run time are, others carry no order.
            for site in source.blocks.flatMap(\.sites) {
                let isAtRunTime = if case .atRunTime = site.shuffle { true } else { false }
                for linear in site.linears {
                    #expect(try (packed.weights.linearWeight(linear.name).permutation != nil) == isAtRunTime)
                }
            }
        }
    }

    /// Absorbed shuffles leave no order to follow, and zeros that are 4:8 as they are stored.
    @Test(arguments: ModelFixture.families + [ModelFixture.withPictures])
    func absorbedShufflesLeaveAnOrdinaryModel(_ name: String) throws {
        let tokens = try ModelFixture(name).tokens
        let cpu = try CPUBackend(precision: .float32, threadCount: 2)
        try prune(name, mode: .absorbed) { packed, plain, source in
            #expect(relativeError(try logits(packed, tokens, on: cpu), try logits(plain, tokens, on: cpu)) < 1e-4)
            for linear in source.blocks.flatMap({ $0.sites.flatMap(\.linears) }) {
                #expect(try packed.weights.linearWeight(linear.name).permutation == nil)
                let values = try plain.weights.tensor(linear.name).floats()
                for start in stride(from: 0, to: values.count, by: 8) {
                    #expect(values[start..<start + 8].count { $0 != 0 } <= 4)
                }
            }
        }
    }

    /// Sums of squares of the inputs of block 0's sites, one after another, in a run over these sequences.
    private func energies(_ name: String, _ sequences: [[Int32]], firstTokenSequences: Int = 0) throws -> [Float] {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-family-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try ModelFixture.copyFolder(name, to: folder + "/source")
        let checkpoint = try Checkpoint.open(folder + "/source")
        var settings = PruningSettings(method: Wanda(), precision: .float32)
        settings.shuffle = .none
        settings.sampleCount = sequences.count
        settings.sequenceLength = sequences[0].count
        settings.firstTokenSequences = firstTokenSequences
        let pruner = try Pruner(
            checkpoint: checkpoint, architecture: ModelArchitecture(checkpoint), settings: settings,
            backend: CPUBackend(precision: .float32, threadCount: 2), threadCount: 2, progress: SilentProgress())
        var amplitudes: [Float] = []
        let manifest = try pruner.run(
            output: folder + "/pruned", calibrationDigest: "test", files: [:], resume: false,
            diagnose: { if $0.block == 0 { amplitudes += $0.amplitudes } },
            calibration: { CalibrationSet(sequences: sequences) })
        #expect(manifest.run.settings["first-tokens"] == (firstTokenSequences > 0 ? "\(firstTokenSequences)" : nil))
        // Wanda's code divides by the sequences.
        return amplitudes.map { $0 * $0 * Float(sequences.count + firstTokenSequences) }
    }

    @Test(arguments: ["llama-grouped-tied", "opt-projected-untied", "gemma2", "phi3-longrope-crossing"])
    func firstTokensAreReadAsTextsOfOneToken(_ name: String) throws {
        var random = SeededRandom(seed: 2)
        let text = (0..<24).map { _ in Int32(random.integer(below: 97)) }
        let both = try energies(name, [text], firstTokenSequences: 1)
        let apart = try zip(energies(name, [text]), energies(name, text.map { [$0] })).map { $0 + $1 }
        #expect(relativeError(both, apart) < 1e-5)
        #expect(relativeError(both, try energies(name, [text, text])) > 0.001)
    }

    /// Of a folder that also reads pictures the text part is pruned, and the result is a model of text alone.
    @Test func whatIsPrunedOfAModelWithPictures() throws {
        try prune(ModelFixture.withPictures) { packed, plain, source in
            #expect(source.modelType == "gemma3_text" && packed.leftOut == nil)
            let names = Set(try ModelArchitecture(packed).expectedTensors.keys)
            #expect(names.contains("model.layers.0.mlp.up_proj.weight") && Set(plain.weights.tensorNames) == names)
        }
    }
}
