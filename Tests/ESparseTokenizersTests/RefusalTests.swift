// A tokenizer.json that is wrong is refused with a sentence that says where; nothing a file holds can crash.

import ESparseCore
import ESparseTestSupport
import ESparseTokenizers
import Testing

@Suite struct RefusalTests {
    private static func document(
        vocabulary: String = #"{"a":0,"b":1,"ab":2}"#, merges: String = #"[["a","b"]]"#, model: String = "",
        more: String = ""
    ) -> String {
        #"{"model":{"type":"BPE","vocab":\#(vocabulary),"merges":\#(merges)\#(model)}\#(more)}"#
    }

    private func message(_ text: String) -> String {
        do {
            _ = try Tokenizer.load(tokenizerJSON: Array(text.utf8))
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test func wrongDocumentsAreRefused() {
        let document = RefusalTests.document
        #expect(message(document(#"{"a":0,"b":1,"ab":2}"#, #"["a b"]"#, "", "")) == "no error")
        for (text, expected) in [
            ("", "ends early"), ("[]", "an array is there, but an object is needed"), ("{}", "model: it is missing"),
            ("{\"model\":{\"type\":\"Unigram\"}}", "Unigram is not supported; supported: BPE"),
            ("{} x", "more text after the end"), ("{\"a\":\"\\ud800\"}", "surrogate"), ("{\"a\":01x}", "is expected"),
            ("\u{1}", "a value is expected"), ("{\"a\":1e999}", "is too large"), ("\"a\nb\"", "control character"),
            (String(repeating: "[", count: 100_000), "nest more than 64 deep"),
            (document("[]", "[]", "", ""), "model.vocab: an array is there"),
            (document("{}", "{}", "", ""), "model.merges: an object is there"),
            (document(#"{"a":"x"}"#, "[]", "", ""), "but an integer is needed"),
            (document(#"{"a":-1}"#, "[]", "", ""), "id -1 is outside"),
            (document(#"{"a":99999999999999}"#, "[]", "", ""), "is outside 0...2097151"),
            (document(#"{"a":123456789012345678901234567890}"#, "[]", "", ""), "but an integer is needed"),
            (document(#"{"a":0,"a":1}"#, "[]", "", ""), "the key \"a\" is repeated"),
            (document(#"{"a":0,"b":0}"#, "[]", "", ""), "id 0 belongs to the token \"a\" already"),
            (document(#"{"a":0}"#, #"["a a"]"#, "", ""), "merge 0: the token \"aa\" is not in the vocabulary"),
            (document(#"{"a":0}"#, #"["a"]"#, "", ""), "is not two tokens"),
            (document(#"{"a":0}"#, #"[["a"]]"#, "", ""), "model.merges[0]"),
            (document(#"{"a":0}"#, "[]", #","unk_token":"u""#, ""), "model.unk_token: \"u\" is not in the vocabulary"),
            (document(#"{"a":0}"#, "[]", #","dropout":0.5"#, ""), "model.dropout"),
            (document(#"{"a":0}"#, "[]", #","end_of_word_suffix":"</w>""#, ""), "end_of_word_suffix"),
            (document(#"{"a":0}"#, "[]", #","fuse_unk":1"#, ""), "model.fuse_unk: a number is there, but a Boolean"),
            (document(#"{"a":0}"#, "[]", "", #","added_tokens":[{"id":9}]"#), "added_tokens[0].content"),
            (document(#"{"a":0}"#, "[]", "", #","added_tokens":[{"id":9,"content":"a"}]"#), "but 0 in the vocabulary"),
            (
                document(#"{"a":0}"#, "[]", "", #","added_tokens":[{"id":0,"content":"z"}]"#),
                "belongs to the token \"a\""
            ),
            (
                document(#"{"a":0}"#, "[]", "", #","added_tokens":[{"id":1,"content":"z"},{"id":1,"content":"y"}]"#),
                "is there twice"
            ),
            (document(#"{"a":0}"#, "[]", "", #","normalizer":{"type":"NFKC"}"#), "NFKC is not supported"),
            (
                document(#"{"a":0}"#, "[]", "", #","pre_tokenizer":{"type":"Whitespace"}"#),
                "Whitespace is not supported"
            ),
            (
                document(#"{"a":0}"#, "[]", "", #","pre_tokenizer":{"type":"Split","pattern":{"String":"x"}}"#),
                "pre_tokenizer.behavior: nothing is not supported; supported: Isolated, Removed"
            ),
            (
                document(#"{"a":0}"#, "[]", "", #","pre_tokenizer":{"type":"Split","pattern":{"Regex":"x+"}}"#),
                "'x+' is not supported; supported: the expressions of gpt2, llama3, qwen2"
            ),
            (document(#"{"a":0}"#, "[]", "", #","decoder":{"type":"WordPiece"}"#), "WordPiece at this place"),
            (document(#"{"a":0}"#, "[]", "", #","post_processor":{"type":"Bert"}"#), "Bert is not supported"),
            (
                document(
                    #"{"a":0}"#, "[]", "",
                    #","post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"s"}}]}"#),
                "\"s\" is not among the template's special_tokens"
            ),
        ] {
            #expect(message(text).contains(expected), "\(text.prefix(100)): \(message(text))")
        }
    }

    /// Seeds that are small, so that mutations hit structure often.
    private static func seeds() throws -> [[UInt8]] {
        try TokenizerFixtures.kinds.map { kind in
            let text = String(decoding: try TokenizerFixtures.data("\(kind)/tokenizer.json"), as: UTF8.self)
            guard let merges = text.firstRange(of: #""merges":["#) else { return Array(text.utf8) }
            // The first merges only; the vocabulary stays whole.
            let some = text[merges.upperBound...].split(separator: "],", maxSplits: 20).dropLast().joined(
                separator: "],")
            return Array((text[..<merges.upperBound] + some + "]]}}").utf8)
        }
    }

    @Test func mutatedFilesNeverCrash() throws {
        let text = try TokenizerFixtures.inputs().prefix(90).flatMap { $0 }
        let fuzz = Fuzz(seeds: try RefusalTests.seeds(), stream: 20, iterations: 300)
        let outcome = fuzz.run { bytes in
            let tokenizer = try Tokenizer.load(tokenizerJSON: bytes)
            _ = tokenizer.decode(tokenizer.encode(text), skippingSpecialTokens: true)
            _ = tokenizer.encodeLiterally(String(decoding: text, as: UTF8.self))
        }
        #expect(outcome.accepted > 0 && outcome.refused > 0)
    }

    @Test func mutatedMetadataNeverCrashes() throws {
        var random = SeededRandom(seed: 2)
        let seeds = [
            try GGUFTests.sentencePiece(), try GGUFTests.metadata(kind: "smollm", pre: "smollm"),
            try GGUFTests.metadata(kind: "llama3", pre: "llama3"), try GGUFTests.metadata(kind: "qwen2", pre: "qwen2"),
            try GGUFTests.metadata(kind: "tekken", pre: "tekken"), try GGUFTests.gemma(),
        ]
        for _ in 0..<Fuzz(seeds: [], stream: 21, iterations: 300).iterations {
            var metadata = seeds[random.integer(below: seeds.count)]
            for _ in 0..<(1 + random.integer(below: 3)) {
                let place = random.integer(below: metadata.tokens.count)
                switch random.integer(below: 10) {
                case 0: metadata.tokens[place] = ["", "\u{0}", "<0x>", "<0x0A>", "▁", "Ġ"][random.integer(below: 6)]
                case 1: metadata.tokens.removeLast(random.integer(below: metadata.tokens.count))
                case 2: metadata.tokenTypes?[place] = Int32(random.integer(below: 8))
                case 3: metadata.scores?[place] = [Float.nan, .infinity, -.infinity, 0][random.integer(below: 4)]
                case 4: metadata.merges.append(["", " ", "a", "a b", "a  b", "Ġ t h"][random.integer(below: 6)])
                case 5: metadata.beginningOfSequenceID = random.integer(below: 3000) - 10
                case 6: metadata.unknownID = random.integer(below: 3000) - 10
                case 7: metadata.tokenTypes = nil
                case 8: metadata.architecture = ["gemma3", "phi3", "llama", ""][random.integer(below: 4)]
                default: metadata.model = ["llama", "gpt2", ""][random.integer(below: 3)]
                }
                if metadata.tokens.isEmpty || metadata.tokenTypes.map({ $0.count != metadata.tokens.count }) == true {
                    break
                }
            }
            guard let tokenizer = try? Tokenizer.load(gguf: metadata) else { continue }
            _ = tokenizer.decode(tokenizer.encode("Hello <s> wörld 123\n\n 🙂"))
            _ = try tokenizer.tokenizerJSON()
        }
    }

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
            let fields = RefusalTests.fields(of: try SentencePieceTests.model(kind))
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
