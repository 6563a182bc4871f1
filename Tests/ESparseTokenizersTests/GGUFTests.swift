// Tokenizers from GGUF metadata give the ids of the Hugging Face tokenizers they stand for.

import ESparseFormats
import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct GGUFTests {
    private struct Document: Decodable {
        struct Added: Decodable {
            let id: Int
            let content: String
            let special: Bool
        }
        struct Model: Decodable {
            let vocab: [String: Int]
            let merges: [[String]]
        }
        let added_tokens: [Added]
        let model: Model
    }

    private struct SentencePieceMetadata: Decodable {
        let tokens: [String]
        let scores: [Float]
        let types: [Int32]
    }

    /// The metadata a converter would write for a byte-level tokenizer.json.
    static func metadata(kind: String, pre: String) throws -> GGUFTokenizerMetadata {
        let document = try TokenizerFixtures.decode(Document.self, "\(kind)/tokenizer.json")
        let ids = document.model.vocab.values.max() ?? 0
        var tokens = [String](repeating: "", count: max(ids, document.added_tokens.map(\.id).max() ?? 0) + 1)
        var types = [Int32](repeating: 1, count: tokens.count)
        for (token, id) in document.model.vocab { tokens[id] = token }
        for token in document.added_tokens {
            tokens[token.id] = token.content
            types[token.id] = token.special ? 3 : 4
        }
        var metadata = GGUFTokenizerMetadata(
            model: "gpt2", tokens: tokens, merges: document.model.merges.map { $0.joined(separator: " ") })
        metadata.pre = pre
        metadata.tokenTypes = types
        metadata.beginningOfSequenceID = document.added_tokens.first?.id
        return metadata
    }

    static func gemma() throws -> GGUFTokenizerMetadata {
        var metadata = try sentencePiece("gguf_gemma")
        metadata.architecture = "gemma3"
        metadata.unknownID = 0
        return metadata
    }

    static func sentencePiece(_ name: String = "gguf_llama") throws -> GGUFTokenizerMetadata {
        let fixture = try TokenizerFixtures.decode(SentencePieceMetadata.self, "\(name)/metadata.json")
        var metadata = GGUFTokenizerMetadata(model: "llama", tokens: fixture.tokens)
        metadata.scores = fixture.scores
        metadata.tokenTypes = fixture.types
        metadata.beginningOfSequenceID = 1
        metadata.endOfSequenceID = 2
        return metadata
    }

    private func check(_ tokenizer: Tokenizer, _ name: String) throws {
        let expected = try TokenizerFixtures.decode(TokenizerFixtures.Expectations.self, "\(name)/expected.json")
        #expect(tokenizer.encode("x") == expected.aroundX)
        for (input, reference) in zip(try TokenizerFixtures.inputs(), expected.cases) {
            #expect(tokenizer.encode(input, addSpecialTokens: false) == reference.ids, "\(name): \(input)")
            #expect(Array(tokenizer.decode(reference.ids).utf8) == Array(reference.decoded.utf8))
        }
    }

    @Test(arguments: [
        ("gpt2", "gpt-2"), ("smollm", "smollm"), ("llama3", "llama-bpe"), ("tekken", "tekken"), ("gpt4o", "gpt-4o"),
        ("olmo2", "dbrx"), ("gpt2", "olmo"),
    ])
    func byteLevelMetadata(kind: String, pre: String) throws {
        let tokenizer = try Tokenizer.load(gguf: GGUFTests.metadata(kind: kind, pre: pre))
        try check(tokenizer, kind)
        try check(Tokenizer.load(tokenizerJSON: Array(tokenizer.tokenizerJSON())), kind)
    }

    @Test func sentencePieceMetadata() throws {
        let tokenizer = try Tokenizer.load(gguf: GGUFTests.sentencePiece())
        try check(tokenizer, "gguf_llama")
        try check(Tokenizer.load(tokenizerJSON: Array(tokenizer.tokenizerJSON())), "gguf_llama")
    }

    @Test func gemmaMergesInTheOrderOfItsVocabulary() throws {
        let tokenizer = try Tokenizer.load(gguf: GGUFTests.gemma())
        try check(tokenizer, "gguf_gemma")
        try check(Tokenizer.load(tokenizerJSON: Array(tokenizer.tokenizerJSON())), "gguf_gemma")
    }

    @Test func controlTokensOfPhi3TakeWhiteSpaceOnTheirRight() throws {
        var metadata = try GGUFTests.sentencePiece()
        metadata.architecture = "phi3"
        let tokenizer = try Tokenizer.load(gguf: metadata)
        #expect(tokenizer.encode("</s>\n \nx").map { tokenizer.token(ofID: $0) } == ["<s>", "</s>", "▁", "x"])
        #expect(tokenizer.encode("<s>\nx").map { tokenizer.token(ofID: $0) } == ["<s>", "<s>", "▁", "<0x0A>", "x"])
    }

    @Test func withoutSpacePrefixTextStartsAsItIs() throws {
        var metadata = try GGUFTests.sentencePiece()
        metadata.addsSpacePrefix = false
        metadata.addsBeginningOfSequence = false
        metadata.addsEndOfSequence = true
        let tokenizer = try Tokenizer.load(gguf: metadata)
        #expect(tokenizer.encode("x y").map { tokenizer.token(ofID: $0) } == ["x", "▁y", "</s>"])
        #expect(tokenizer.decode(tokenizer.encode(" x y", addSpecialTokens: false)) == " x y")
    }

    @Test func contradictionsAreErrorsThatNameTheKey() throws {
        func message(_ change: (inout GGUFTokenizerMetadata) -> Void) throws -> String {
            var metadata = try GGUFTests.sentencePiece()
            change(&metadata)
            do {
                _ = try Tokenizer.load(gguf: metadata)
                return "no error"
            } catch {
                return error.description
            }
        }
        #expect(try message { $0.model = "bert" }.contains("tokenizer.ggml.model"))
        #expect(try message { $0.tokens = [] }.contains("tokenizer.ggml.tokens: there are none"))
        #expect(try message { $0.tokens[300] = $0.tokens[301] }.contains("in the vocabulary twice"))
        #expect(try message { $0.tokens[20] = "<0xZZ>" }.contains("token 20, \"<0xZZ>\", has the type of a byte"))
        #expect(try message { $0.tokens[20] = "<0x1>" }.contains("has the type of a byte"))
        #expect(try message { $0.tokenTypes?[5] = 9 }.contains("type 9 of token 5 is outside 1...6"))
        #expect(try message { $0.tokenTypes = [1] }.contains("1 types are there for"))
        #expect(try message { $0.scores = [] }.contains("tokenizer.ggml.scores: 0 scores"))
        #expect(try message { $0.scores?[7] = .nan }.contains("the score of token 7 is NaN"))
        #expect(try message { $0.merges = ["q zzz"] }.contains("\"zzz\" is not in the vocabulary"))
        #expect(try message { $0.merges = ["a  b"] }.contains("is not two tokens with a space between"))
        #expect(try message { $0.beginningOfSequenceID = -1 }.contains("tokenizer.ggml.bos_token_id: id -1"))
        #expect(try message { $0.endOfSequenceID = 1 << 40 }.contains("tokenizer.ggml.eos_token_id"))
        #expect(
            try message { $0.model = "gpt2" }.contains(
                "an absent key is not supported; supported: gpt-2 (olmo), smollm"))
        #expect(try message { _ in } == "no error")
    }

    private struct RealReference: Decodable {
        struct Hash: Decodable {
            let count: Int
            let fnv1a: String
        }
        let wikitext2: Hash
        let hostile: Hash
        let chats: [ChatTests.Chat]
    }

    @Test(
        .enabled(if: TokenizerFixtures.smollm2 != nil, "the SmolLM2 GGUF is not in ~/.cache/esparse or ESPARSE_SMOLLM2")
    )
    func smolLM2EqualsTheReference() throws {
        let path = try #require(TokenizerFixtures.smollm2)
        let tokenizer = try Tokenizer.load(Checkpoint.open(path))
        let reference = try TokenizerFixtures.decode(RealReference.self, "smollm2.json")
        let hostile = try TokenizerFixtures.inputs().flatMap { tokenizer.encode($0) }
        #expect(hostile.count == reference.hostile.count)
        #expect(hash(hostile) == reference.hostile.fnv1a)
        let written = try Tokenizer.load(tokenizerJSON: Array(tokenizer.tokenizerJSON()))
        #expect(try TokenizerFixtures.inputs().flatMap { written.encode($0) } == hostile)
        #expect(tokenizer.vocabularySize == 49152)
        // 21 bytes have no token and are dropped.
        #expect(tokenizer.encode("a\u{4}b") == tokenizer.encode("a") + tokenizer.encode("b"))

        let template = try #require(try ChatTemplate(of: tokenizer))
        #expect(template.stopIDs(for: tokenizer) == [2])
        for chat in reference.chats { try ChatTests.check(chat, tokenizer, template) }
    }

    @Test(
        .enabled(
            if: TokenizerFixtures.smollm2 != nil && TokenizerFixtures.shared("wikitext-2-test.joined.txt") != nil,
            "the SmolLM2 GGUF or wikitext-2-test.joined.txt (ESPARSE_SHARED_DATA) is absent"))
    func smolLM2WikiTextIDsEqualTheReference() throws {
        let path = try #require(TokenizerFixtures.smollm2)
        let textPath = try #require(TokenizerFixtures.shared("wikitext-2-test.joined.txt"))
        let text = try Data(contentsOf: URL(filePath: textPath))
        let clock = ContinuousClock()
        let metadata = try GGUFTokenizerMetadata(GGUFFile(path: path).metadata)
        var start = clock.now
        let tokenizer = try Tokenizer.load(gguf: metadata)
        print("SmolLM2 tokenizer from metadata:", clock.now - start)
        start = clock.now
        let ids = tokenizer.encode(Array(text), addSpecialTokens: false)
        print("WikiText-2 encoded:", clock.now - start)
        let reference = try TokenizerFixtures.decode(RealReference.self, "smollm2.json")
        #expect(ids.count == reference.wikitext2.count)
        #expect(hash(ids) == reference.wikitext2.fnv1a)
        #expect(Array(tokenizer.decode(ids).utf8) == Array(text))
    }
}
