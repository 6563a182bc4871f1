// Tiny GGUF models of each architecture: their logits are transformers' of the Hugging Face models that they were made from.

import ESparseCore
import ESparseFormats
import ESparseModels
import ESparseReference
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite struct GGUFModelTests {
    /// What scripts/fixtures/gguf_models.py wrote beside a model.
    private struct Expected: Decodable {
        let tokens: [Int32]
        /// The last rows of the logits, `[rows, V]`.
        let logits: [[Float]]
    }

    @Test(arguments: GGUFArchitecture.all.map(\.name)) func logitsAreTransformers(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "ESparseFormatsTests/Fixtures/gguf")
        let json = try Data(contentsOf: folder.appending(path: "\(name).json"))
        let expected = try JSONDecoder().decode(Expected.self, from: json)
        let logits = try logits(folder.appending(path: "\(name).gguf").path, expected.tokens)
        let last = Array(expected.logits.joined())
        #expect(logits.count * expected.logits.count == last.count * expected.tokens.count)
        #expect(relativeError(Array(logits.suffix(last.count)), last) < 1e-4)
    }

    /// Logits of a file's model, `[tokens, V]`, one row after another.
    private func logits(_ path: String, _ tokens: [Int32]) throws -> [Float] {
        let checkpoint = try Checkpoint.open(path)
        let backend = ReferenceBackend()
        let model = try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights, backend: backend)
        var cache = try model.makeCache(sequenceCount: 1, capacity: tokens.count)
        let hidden = try model.hidden(tokens, batch: .wholeSequence(tokens.count), cache: &cache)
        return try backend.floats(of: model.head.logits(hidden))
    }

    /// Phi-4 mini has a part of its heads turned, LongRoPE and a tied head: `phi3-longrope-long` is such a model.
    @Test(arguments: ["phi3", "phi3-longrope-short", "phi3-longrope-long", "phi3-longrope-crossing"])
    func aWrittenPhiIsTheSameModel(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let config = try JSONParser.parse(Array(fixture.configuration))
        let positions = try #require(config["max_position_embeddings"]?.integer)
        let written = try GGUFHyperparameters(
            configuration: Array(fixture.configuration), contextLength: positions, path: name)
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-gguf-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var tensors: [(name: String, tensor: Tensor)] = []
        for (name, values) in written.rotaryDivisors {
            tensors.append((name, try Tensor(values, shape: [values.count])))
        }
        for name in fixture.weights.tensorNames {
            let stored = try #require(written.architecture.tensors.storedName(name))
            tensors.append((stored, try written.stored(fixture.weights.tensor(name), named: name)))
        }
        var metadata = written.metadata
        metadata.insert(("general.architecture", .string(written.architecture.name)), at: 0)
        let writer = try GGUFWriter(
            path: folder + "/model.gguf", metadata: metadata,
            entries: tensors.map { GGUFWriter.Entry(name: $0.name, type: .f32, shape: $0.tensor.shape) })
        for (name, tensor) in tensors { try writer.write(tensor, named: name) }
        try writer.finish()
        #expect(relativeError(try logits(folder + "/model.gguf", fixture.tokens), fixture.logits) < 1e-4)
    }
}
