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
        let checkpoint = try Checkpoint.open(folder.appending(path: "\(name).gguf").path)
        let backend = ReferenceBackend()
        let model = try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights, backend: backend)
        var cache = try model.makeCache(sequenceCount: 1, capacity: expected.tokens.count)
        let hidden = try model.hidden(
            expected.tokens, batch: .wholeSequence(expected.tokens.count), cache: &cache)
        let logits = try backend.floats(of: model.head.logits(hidden))
        let last = Array(logits.suffix(expected.logits.count * model.architecture.vocabularySize))
        #expect(relativeError(last, Array(expected.logits.joined())) < 1e-4)
    }
}
