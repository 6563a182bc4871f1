// A folder whose model also reads pictures: its text part opens under the names of a model of text alone.

import ESparseCore
import ESparseFormats
import ESparseModels
import ESparseReference
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite struct TextPartTests {
    /// Opens the fixture's folder after `change` of its config.json.
    private func open<Result>(
        _ change: (String) -> String = { $0 }, _ body: (Checkpoint) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-text-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ModelFixture.copyFolder(ModelFixture.withPictures, to: folder)
        let path = folder + "/config.json"
        let text = change(String(decoding: try FileSystem.read(path), as: UTF8.self))
        try Data(text.utf8).write(to: URL(filePath: path))
        return try body(Checkpoint.open(folder))
    }

    @Test func equalsTransformers() throws {
        let fixture = try ModelFixture(ModelFixture.withPictures)
        try open { checkpoint in
            let backend = ReferenceBackend()
            let model = try LanguageModel.load(
                architecture: ModelArchitecture(checkpoint), weights: checkpoint.weights, backend: backend)
            var cache = try model.makeCache(sequenceCount: 1, capacity: fixture.tokens.count)
            let hidden = try model.hidden(fixture.tokens, batch: .wholeSequence(fixture.tokens.count), cache: &cache)
            #expect(relativeError(backend.floats(of: try model.head.logits(hidden)), fixture.logits) < 1e-4)
        }
    }

    @Test func whatIsLeftOutIsSaid() throws {
        let leftOut = try open { try #require($0.leftOut) }
        // The fixture's expected outputs are tensors of the file, too.
        #expect(leftOut.hasSuffix("multi_modal_projector and vision_tower"), "\(leftOut)")
        #expect(leftOut.prefix { $0.isNumber }.count > 0)
    }

    /// Special tokens and quantisation that only the whole has count for the part.
    @Test func settingsOfTheWholeCount() throws {
        let ends = try open({
            $0.replacing(#""eos_token_id": 1, "#, with: "").replacing(
                #"{"_name_or_path": "", "architectures": ["Gemma3"#,
                with: #"{"eos_token_id": [1, 60], "_name_or_path": "", "architectures": ["Gemma3"#)
        }) { try ModelArchitecture($0).endTokens }
        #expect(ends == [1, 60])
        #expect(throws: UnfitCheckpoint.self) {
            try open({ #"{"quantization_config": {"quant_method": "awq"}, "# + $0.dropFirst() }) {
                try ModelArchitecture($0)
            }
        }
    }

    /// Other names of the text part, and configurations that no model can have.
    @Test(arguments: [
        #""text_config": 3"#, #""text_config": []"#, #""text_config": {"model_type": "llama"}"#,
        #""text_config": {"hidden_size": -4}"#, #""text_config": {}"#,
    ])
    func hostileConfigurations(_ part: String) throws {
        #expect(throws: UnfitCheckpoint.self) {
            try open({ _ in #"{"model_type": "gemma3", \#(part)}"# }) { try ModelArchitecture($0) }
        }
    }
}
