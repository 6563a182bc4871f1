// tokenizer.model: ids and text equal sentencepiece's, configuration files are honoured, and what cannot be read is named.

import ESparseTestSupport
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
        #expect(try pieces("x</s>y", #"{"legacy":true}"#) == ["<s>", "▁", "x", "</s>", "▁", "y"])
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

    // MARK: Files built by hand

    /// A length-delimited field.
    private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        precondition(content.count < 128)
        return [number << 3 | 2, UInt8(content.count)] + content
    }

    private static func piece(_ text: String, type: UInt8 = 1, score: Float = 0) -> [UInt8] {
        let bits = score.bitPattern
        let fixed = (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) }
        return field(1, field(1, Array(text.utf8)) + [0x15] + fixed + [0x18, type])
    }

    /// A byte-pair encoding with a trainer and a normalizer specification.
    private static func file(_ pieces: [[UInt8]], trainer: [UInt8] = [0x18, 2], normalizer: [UInt8] = []) -> [UInt8] {
        pieces.flatMap { $0 } + field(2, trainer) + field(3, normalizer)
    }

    private static let few = [
        piece("<unk>", type: 2), piece("a", score: -3), piece("b", score: -4), piece("ab", score: -1),
        piece("ba", score: -1), piece("▁", score: -5), piece("bé", score: -2),
    ]

    @Test func bestScoresMergeFirstThenFromTheLeft() throws {
        let tokenizer = try Tokenizer.load(sentencePieceModel: SentencePieceTests.file(SentencePieceTests.few))
        #expect(tokenizer.encode("aba") == [5, 3, 1])  // ab and ba share a score.
        #expect(tokenizer.encode("bab") == [5, 4, 2])
        #expect(tokenizer.encode(" b é") == [5, 2, 5, 0])
        #expect(tokenizer.encode("bé") == [5, 6])  // é is no piece, but bé is.
        #expect(tokenizer.encode("xyz") == [5, 0])  // Unknown characters are one token.
    }

    @Test func whatCannotBeReadIsNamed() throws {
        func message(_ bytes: [UInt8]) -> String {
            do {
                _ = try Tokenizer.load(sentencePieceModel: bytes)
                return "no error"
            } catch {
                return error.description
            }
        }
        typealias Parts = SentencePieceTests
        let few = Parts.few
        #expect(message(Parts.file(few)) == "no error")
        #expect(message([]).contains("trainer_spec.model_type: Unigram is not supported; supported: BPE"))
        #expect(message(Parts.file(few, trainer: [0x18, 1])).contains("Unigram is not supported"))
        #expect(message(Parts.file(few, trainer: [0x18, 3])).contains("Word is not supported"))
        #expect(message(Parts.file(few, trainer: [0x18, 9])).contains("the model type 9 is unknown"))
        #expect(
            message(Array("IQ== 0\nIg== 1\n".utf8)).contains("the file is not a SentencePiece model, or is damaged"))
        #expect(message([0x0A, 0x7F, 1]).contains("byte 2: a field is longer than what is left"))
        #expect(message([0x0A]).contains("byte 1: a number is cut short"))
        #expect(message([UInt8](repeating: 0xFF, count: 12)).contains("more than ten bytes"))
        #expect(message(Parts.file([])).contains("0 of them have the type of the unknown piece"))
        #expect(message(Parts.file(few + [Parts.piece("u", type: 2)])).contains("2 of them have the type"))
        #expect(message(Parts.file(few + [Parts.piece("a")])).contains("\"a\": it is in the vocabulary twice"))
        #expect(message(Parts.file(few + [Parts.piece("")])).contains("piece 7: it is empty"))
        #expect(message(Parts.file(few + [Parts.piece("c", score: .nan)])).contains("its score is NaN"))
        #expect(message(Parts.file(few + [Parts.piece("c", type: 7)])).contains("piece 7 has the unknown type 7"))
        #expect(message(Parts.file(few + [Parts.piece("<0x0A>", type: 6)])).contains("byte_fallback is false"))
        #expect(message(Parts.file(few, trainer: [0x18, 2, 0x98, 2, 1])).contains("\"<0x00>\" is missing"))
        #expect(message(Parts.file(few) + Parts.field(5, Parts.field(2, [1]))).contains("denormalizer_spec"))
        #expect(message([0x0A, 3, 0x0A, 1, 0xFF]).contains("piece 0 is not UTF-8"))
        for (map, expected) in [
            ([1], "cut short"), ([4, 0, 0, 0, 1], "cut short"), ([3, 0, 0, 0, 1, 2, 3], "cut short"),
            ([4, 0, 0, 0, 0, 0, 0, 0, 0xFF], "a replacement is not UTF-8"),
        ] as [([UInt8], String)] {
            let text = message(Parts.file(few, normalizer: Parts.field(2, map)))
            #expect(text.contains("precompiled_charsmap") && text.contains(expected), "\(text)")
        }
        let classes = ["tokenizer_config.json": #"{"tokenizer_class":"XLNetTokenizer"}"#]
        #expect(throws: TokenizerError.self) { try pieces("x", classes) }
        let renamed = ["tokenizer_config.json": #"{"added_tokens_decoder":{"300":{"content":"<new>"}}}"#]
        #expect(throws: TokenizerError.self) { try pieces("x", renamed) }
    }

    // MARK: Fuzzing

    /// The fields of a message at its top, as bytes.
    private static func fields(of message: [UInt8]) -> [[UInt8]] {
        var fields: [[UInt8]] = []
        var start = 0
        while start < message.count {
            var position = start + 1
            var length = 0
            for shift in stride(from: 0, to: 35, by: 7) {
                length |= Int(message[position] & 0x7F) << shift
                position += 1
                if message[position - 1] < 0x80 { break }
            }
            fields.append(Array(message[start..<(position + length)]))
            start = position + length
        }
        return fields
    }

    @Test func mutatedModelsNeverCrash() throws {
        // What the normalizer and the trainer say first, then a part of the pieces; all of them where bytes need it.
        let seeds = try ["llama", "rules", "suffix", "edited"].map { kind in
            let fields = SentencePieceTests.fields(of: try SentencePieceTests.model(kind))
            return (fields.filter { $0[0] != 0x0A } + fields.filter { $0[0] == 0x0A }.prefix(400)).flatMap { $0 }
        }
        let text = try TokenizerFixtures.inputs().prefix(90).flatMap { $0 }
        let outcome = Fuzz(seeds: seeds, stream: 22, iterations: 300).run { bytes in
            let tokenizer = try Tokenizer.load(sentencePieceModel: bytes)
            _ = tokenizer.decode(tokenizer.encode(text), skippingSpecialTokens: true)
            _ = tokenizer.encodeLiterally(String(decoding: text, as: UTF8.self))
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }
}
