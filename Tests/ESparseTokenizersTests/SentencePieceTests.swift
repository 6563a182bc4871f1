// tokenizer.model: ids and text equal sentencepiece's, and configuration files are honoured.

import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct SentencePieceTests {
    private struct Expectations: Decodable {
        struct Case: Decodable {
            let ids: [Int32]
            let decoded: String
        }
        let cases: [Case]
        let decodings: [Case]
    }

    /// What scripts/fixtures/make_sentencepiece.py wrote.
    static let kinds = ["llama", "gemma", "nmt_nfkc", "rules", "suffix", "rare", "edited"]

    static func model(_ kind: String) throws -> [UInt8] {
        Array(try TokenizerFixtures.data("sentencepiece/\(kind)/tokenizer.model"))
    }

    @Test(arguments: kinds)
    func idsAndTextEqualTheReference(kind: String) throws {
        let tokenizer = try Tokenizer.load(sentencePieceModel: SentencePieceTests.model(kind))
        let expected = try TokenizerFixtures.decode(Expectations.self, "sentencepiece/\(kind)/expected.json")
        let inputs = try TokenizerFixtures.inputs()
        #expect(expected.cases.count == inputs.count && inputs.count > 100 && expected.decodings.count == 80)
        // sentencepiece takes control symbols that are written out as text.
        for (input, reference) in zip(inputs, expected.cases) {
            let text = String(decoding: input, as: UTF8.self)
            #expect(tokenizer.encodeLiterally(text) == reference.ids, "\(kind): \(text)")
        }
        for reference in expected.cases + expected.decodings {
            let decoded = tokenizer.decode(reference.ids, skippingSpecialTokens: true)
            #expect(Array(decoded.utf8) == Array(reference.decoded.utf8), "\(kind): \(reference.ids)")
            var decoder = tokenizer.makeStreamingDecoder(skippingSpecialTokens: true)
            let pieces = reference.ids.map { decoder.append($0) } + [decoder.finish()]
            #expect(Array(pieces.joined().utf8) == Array(decoded.utf8), "\(kind): \(reference.ids)")
        }
    }

    /// The pieces of a text in a folder with tokenizer.model and these files.
    private func pieces(_ text: String, _ files: [String: String], kind: String = "llama") throws -> [String] {
        try TokenizerFixtures.withFolder(files.mapValues { Array($0.utf8) }, model: kind) { folder in
            let tokenizer = try Tokenizer.load(folder: folder)
            return tokenizer.encode(text).map { tokenizer.token(ofID: $0) ?? "?" }
        }
    }

    @Test func configurationIsHonoured() throws {
        func pieces(_ text: String, _ configuration: String = "{}") throws -> [String] {
            try self.pieces(text, ["tokenizer_config.json": configuration])
        }
        #expect(try pieces("x") == ["<s>", "▁", "x"])
        #expect(try self.pieces("x", [:]) == ["<s>", "▁", "x"])
        #expect(try pieces("x", #"{"add_bos_token":false,"add_eos_token":true}"#) == ["▁", "x", "</s>"])
        #expect(try pieces("x", #"{"add_prefix_space":false}"#) == ["<s>", "x"])
        // Where transformers says "legacy", text after a special token gets a space, too.
        #expect(try pieces("x</s>y", #"{"legacy":true}"#) == ["<s>", "▁", "x", "</s>", "▁y"])
        #expect(try pieces("x</s>y", #"{"legacy":false}"#) == ["<s>", "▁", "x", "</s>", "y"])
        #expect(try pieces("</s>y [INST]") == ["<s>", "</s>", "y", "▁", "[INST]"])
        let added = #"{"content":"<|new|>","special":true,"rstrip":true,"normalized":true}"#
        #expect(
            try pieces("x<|new|> y", #"{"added_tokens_decoder":{"700":\#(added)}}"#) == [
                "<s>", "▁", "x", "<|new|>", "y",
            ])
        #expect(try self.pieces("<pad>y", ["added_tokens.json": #"{"<pad>":700}"#]) == ["<s>", "<pad>", "y"])
        #expect(try self.pieces("x", [:], kind: "gemma") == ["<bos>", "x"])
    }

    @Test func whatTheModelCannotBeIsRefused() {
        let classes = ["tokenizer_config.json": #"{"tokenizer_class":"XLNetTokenizer"}"#]
        #expect(throws: TokenizerError.self) { try pieces("x", classes) }
        let renamed = ["tokenizer_config.json": #"{"added_tokens_decoder":{"300":{"content":"<new>"}}}"#]
        #expect(throws: TokenizerError.self) { try pieces("x", renamed) }
    }

    @Test func settingsComeFromTheModelAndTheConfiguration() throws {
        try TokenizerFixtures.withFolder([:], model: "gemma") { folder in
            let tokenizer = try Tokenizer.load(folder: folder)
            #expect(tokenizer.beginningOfSequenceID == 2 && tokenizer.endOfSequenceID == 1 && tokenizer.stopIDs == [1])
            #expect(tokenizer.specialTokens.map(\.text) == ["<pad>", "<eos>", "<bos>", "<unk>"])
            #expect(tokenizer.vocabularySize == 700)
            #expect(throws: TokenizerError.self) { try tokenizer.tokenizerJSON() }
        }
        let config = Array(#"{"eos_token_id":7}"#.utf8)
        try TokenizerFixtures.withFolder(["generation_config.json": config], model: "gemma") { folder in
            let tokenizer = try Tokenizer.load(folder: folder)
            #expect(tokenizer.endOfSequenceID == 7 && tokenizer.stopIDs == [7])
        }
    }

    @Test func bytesBecomeTextCharacterByCharacter() throws {
        let tokenizer = try Tokenizer.load(sentencePieceModel: SentencePieceTests.model("llama"))
        func ids(_ bytes: [UInt8]) throws -> [Int32] {
            try bytes.map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return try #require(tokenizer.id(ofToken: "<0x\(digits.count == 1 ? "0" : "")\(digits)>"))
            }
        }
        var decoder = tokenizer.makeStreamingDecoder()
        #expect(try ids([0xC3, 0xA9, 0x41, 0xE2, 0x82]).map { decoder.append($0) } == ["", "é", "A", "", ""])
        #expect(decoder.finish() == "\u{FFFD}\u{FFFD}")
        // One U+FFFD a byte, as sentencepiece has it.
        #expect(tokenizer.decode(try ids([0xF0, 0x9F, 0x99, 0x41])) == "\u{FFFD}\u{FFFD}\u{FFFD}A")
    }
}
