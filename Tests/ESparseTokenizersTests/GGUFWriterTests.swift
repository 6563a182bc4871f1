// Tokenizers written as GGUF metadata and read again give the ids of Hugging Face's `tokenizers`.

import ESparseFormats
import ESparseTokenizers
import Testing

@Suite struct GGUFWriterTests {
    private func written(_ tokenizer: Tokenizer, size: Int) throws -> GGUFTokenizerMetadata {
        let values = try tokenizer.ggufMetadata(vocabularySize: size, name: "test")
        let metadata = GGUFMetadata(path: "test", values: Dictionary(values.map { ($0.key, $0.value) }) { $1 })
        return try GGUFTokenizerMetadata(metadata)
    }

    @Test(arguments: ["gpt2", "smollm", "llama3", "qwen2", "llama2"])
    func writtenMetadataGivesTheReferencesIDs(_ kind: String) throws {
        let original = try TokenizerFixtures.tokenizer(kind)
        let metadata = try written(original, size: original.vocabularySize)
        let tokenizer = try Tokenizer.load(gguf: metadata)
        let expected = try TokenizerFixtures.decode(TokenizerFixtures.Expectations.self, "\(kind)/expected.json")
        #expect(tokenizer.encode("x") == expected.aroundX)
        // GGUF has no tokens that are matched in normalised text, as 804 of this fixture is.
        let lost = kind == "qwen2" ? Int32(804) : -1
        for (input, reference) in zip(try TokenizerFixtures.inputs(), expected.cases)
        where !reference.ids.contains(lost) {
            let ids = tokenizer.encode(input, addSpecialTokens: false)
            #expect(ids == reference.ids, "\(kind): \(String(decoding: input, as: UTF8.self).debugDescription)")
        }
    }

    /// llama.cpp joins neighbours by scores and does not look at merges.
    @Test func scoresAloneGiveTheReferencesIDs() throws {
        let original = try TokenizerFixtures.tokenizer("llama2")
        var metadata = try written(original, size: original.vocabularySize)
        #expect(!metadata.merges.isEmpty)
        metadata.merges = []
        let tokenizer = try Tokenizer.load(gguf: metadata)
        for input in try TokenizerFixtures.inputs() {
            let ids = tokenizer.encode(input, addSpecialTokens: false)
            #expect(
                ids == original.encode(input, addSpecialTokens: false),
                "\(String(decoding: input, as: UTF8.self).debugDescription)")
        }
    }

    @Test func idsWithoutATokenAreFilledAndOthersLeftOut() throws {
        let original = try TokenizerFixtures.tokenizer("smollm")
        let size = original.vocabularySize
        let padded = try written(original, size: size + 2)
        #expect(padded.tokens.suffix(2) == ["[PAD\(size)]", "[PAD\(size + 1)]"])
        #expect(padded.tokenTypes?.suffix(2) == [5, 5] && padded.tokens.count == size + 2)
        #expect(try written(original, size: size - 1).tokens.count == size - 1)
    }

    @Test func whatHasNoNameInGGUFIsRefused() throws {
        let tokenizer = try TokenizerFixtures.tokenizer("gpt2_prefix_space")
        #expect(throws: TokenizerError.self) {
            try tokenizer.ggufMetadata(vocabularySize: tokenizer.vocabularySize, name: "test")
        }
    }
}
