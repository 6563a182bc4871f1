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

    /// "bc" is a token that no merge makes, though "b" and "c" spell it: llama.cpp must not join them before "a" and "b".
    @Test func tokensThatNoMergeMakesScoreLeast() throws {
        let json = #"""
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{"id":0,"content":"<unk>","single_word":false,
            "lstrip":false,"rstrip":false,"normalized":false,"special":true}],"normalizer":{"type":"Sequence","normalizers":[
            {"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null,
            "post_processor":null,"decoder":{"type":"Sequence","decoders":[
            {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
            {"type":"Strip","content":" ","start":1,"stop":0}]},"model":{"type":"BPE","dropout":null,"unk_token":"<unk>",
            "continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":false,
            "ignore_merges":false,"vocab":{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6,"cab":7},
            "merges":[["a","b"],["c","ab"]]}}
            """#
        let original = try Tokenizer.load(tokenizerJSON: Array(json.utf8))
        #expect(original.encode("abc") == [1, 5, 4])
        var metadata = try written(original, size: 9)
        #expect(metadata.scores == [-3, -3, -3, -3, -3, -1, -3, -2, -3])
        metadata.merges = []
        #expect(try Tokenizer.load(gguf: metadata).encode("abc") == [1, 5, 4])
    }

    @Test func mergesOfTokensLeftOutAreLeftOut() throws {
        let original = try TokenizerFixtures.tokenizer("gpt2")
        let metadata = try written(original, size: 260)
        #expect(metadata.tokens.count == 260 && !metadata.merges.isEmpty)
        #expect(try Tokenizer.load(gguf: metadata).vocabularySize == 260)
    }

    /// A folder with a tokenizer.model alone: GGUF holds what is in it.
    @Test func sentencePieceModelsKeepTheirScoresAndTypes() throws {
        let original = try TokenizerFixtures.withFolder([:], model: "llama") { try Tokenizer.load(folder: $0) }
        let size = original.vocabularySize
        let metadata = try written(original, size: size + 1)
        #expect(metadata.model == "llama" && metadata.merges.isEmpty && metadata.addsSpacePrefix == true)
        #expect(metadata.addsBeginningOfSequence == true && metadata.unknownID == 0)
        let pieces = (0..<Int32(size)).compactMap { original.token(ofID: $0) }
        #expect(Array(metadata.tokens.dropLast()) == pieces)
        let tokenizer = try Tokenizer.load(gguf: metadata)
        for text in ["The lamp is lit.", "two  spaces", " x", "12 345", "日本 🙂 é", ""] {
            #expect(tokenizer.encode(text) == original.encode(text), "\(text)")
        }
        let gemma = try TokenizerFixtures.withFolder([:], model: "gemma") { try Tokenizer.load(folder: $0) }
        let marked = try written(gemma, size: gemma.vocabularySize)
        #expect(marked.addsSpacePrefix == false && marked.tokens.contains("   ") && !marked.tokens.contains("▁▁▁"))
    }

    @Test(arguments: [
        ("nmt_nfkc", "precompiled_charsmap"), ("rules", "precompiled_charsmap"), ("suffix", "remove_extra_whitespaces"),
        ("rare", "byte_fallback"),
    ])
    func sentencePieceModelsThatPrepareTextOtherwiseAreRefused(_ kind: String, _ setting: String) throws {
        let tokenizer = try Tokenizer.load(sentencePieceModel: SentencePieceTests.model(kind))
        do {
            _ = try tokenizer.ggufMetadata(vocabularySize: tokenizer.vocabularySize, name: "test")
            Issue.record("\(kind) was written")
        } catch {
            #expect(error.description.contains(setting), "\(error)")
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
