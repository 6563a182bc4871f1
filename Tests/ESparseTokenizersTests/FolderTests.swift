// Folders: vocab.json with merges.txt, what configuration files add, and what is refused.

import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct FolderTests {
    private func withFolder<Result>(_ files: [String: String], _ body: (String) throws -> Result) throws -> Result {
        try TokenizerFixtures.withFolder(files.mapValues { Array($0.utf8) }, body)
    }

    private static let tiny = """
        {"added_tokens":[{"id":3,"content":"</s>","special":true},{"id":4,"content":"<turn>","special":true}],
        "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"pre_tokenizer":null}
        """

    @Test func vocabularyAndMergesEqualTheReference() throws {
        let tokenizer = try Tokenizer.load(folder: TokenizerFixtures.folder + "/opt_files")
        let expected = try TokenizerFixtures.decode(TokenizerFixtures.Expectations.self, "opt_files/expected.json")
        #expect(tokenizer.encode("x") == expected.aroundX)
        #expect(tokenizer.beginningOfSequenceID == 2 && tokenizer.endOfSequenceID == 2)
        for (input, reference) in zip(try TokenizerFixtures.inputs(), expected.cases) {
            #expect(tokenizer.encode(input, addSpecialTokens: false) == reference.ids, "\(input)")
            #expect(Array(tokenizer.decode(reference.ids).utf8) == Array(reference.decoded.utf8))
        }
    }

    @Test func configurationFilesGiveTokensAndTemplate() throws {
        let files = [
            "tokenizer.json": FolderTests.tiny,
            "tokenizer_config.json":
                #"{"eos_token":{"content":"</s>"},"chat_template":[{"name":"default","template":"T"}]}"#,
            "generation_config.json": #"{"eos_token_id":[4, 3, 900],"bos_token_id":3}"#,
            "config.json": #"{"eos_token_id":0}"#,
        ]
        try withFolder(files) { folder in
            let tokenizer = try Tokenizer.load(folder: folder)
            #expect(tokenizer.endOfSequenceID == 3)
            #expect(tokenizer.beginningOfSequenceID == 3)
            #expect(tokenizer.stopIDs == [4, 3])
            #expect(tokenizer.chatTemplate == "T")
            #expect(tokenizer.encode("ab</s>ba") == [2, 3, 1, 0])
            #expect(tokenizer.specialTokens.map(\.text) == ["</s>", "<turn>"])
        }
    }

    @Test func theConfigurationOverrulesTheTemplate() throws {
        let template = """
            ,"post_processor":{"type":"TemplateProcessing",
            "single":[{"SpecialToken":{"id":"</s>"}},{"Sequence":{"id":"A"}}],
            "special_tokens":{"</s>":{"ids":[3]}}}}
            """
        func ids(_ configuration: String) throws -> [Int32] {
            let files = [
                "tokenizer.json": String(FolderTests.tiny.dropLast()) + template,
                "tokenizer_config.json": configuration,
            ]
            return try withFolder(files) { try Tokenizer.load(folder: $0).encode("a") }
        }
        #expect(try ids("{}") == [3, 0])
        #expect(try ids(#"{"add_bos_token":false,"bos_token":"</s>"}"#) == [0])
        #expect(try ids(#"{"add_bos_token":true,"bos_token":"<turn>"}"#) == [4, 0])
        #expect(try ids(#"{"add_eos_token":true,"eos_token":"<turn>"}"#) == [0, 4])
        #expect(try ids(#"{"add_eos_token":true}"#) == [0])
    }

    @Test func templateFilesComeBeforeTheConfiguration() throws {
        let configuration = #"{"chat_template":"C"}"#
        func templates(_ files: [String: String]) throws -> [String?] {
            try withFolder(files.merging(["tokenizer.json": FolderTests.tiny]) { first, _ in first }) { folder in
                let tokenizer = try Tokenizer.load(folder: folder)
                return [tokenizer.chatTemplate] + tokenizer.chatTemplateNames.map { Optional($0) }
            }
        }
        #expect(try templates(["tokenizer_config.json": configuration]) == ["C"])
        #expect(try templates(["tokenizer_config.json": configuration, "chat_template.jinja": "F"]) == ["F"])
        let several = ["chat_template.jinja": "F", "additional_chat_templates/tool_use.jinja": "T"]
        #expect(try templates(several) == ["F", "tool_use"])
        let list = #"{"chat_template":[{"name":"rag","template":"R"},{"name":"default","template":"D"}]}"#
        #expect(try templates(["tokenizer_config.json": list]) == ["D", "rag"])
        #expect(try templates([:]) == [nil])
    }

    @Test func whatCannotBeReadIsNamed() throws {
        func message(_ files: [String: String]) throws -> String {
            try withFolder(files) { folder in
                do {
                    _ = try Tokenizer.load(folder: folder)
                    return "no error"
                } catch {
                    return "\(error)"
                }
            }
        }
        #expect(try message([:]).contains("tokenizer.json, vocab.json with merges.txt, or tokenizer.model is needed"))
        #expect(try message(["vocab.json": "{}"]).contains("is needed"))
        #expect(try message(["tokenizer.json": "{"]).contains("not valid JSON at byte 1"))
        #expect(try message(["tokenizer.json": FolderTests.tiny, "config.json": "[]"]).contains("an object is needed"))
        #expect(
            try message(["tokenizer.json": FolderTests.tiny, "config.json": #"{"eos_token_id":"x"}"#])
                .contains("eos_token_id: a string is there"))
        #expect(
            try message(["vocab.json": #"{"a":0}"#, "merges.txt": "#version: 0.2\na b\n"])
                .contains("\"b\" is not in the vocabulary"))
        #expect(
            try message([
                "vocab.json": "{}", "merges.txt": "", "tokenizer_config.json": #"{"tokenizer_class":"BertTokenizer"}"#,
            ]).contains("BertTokenizer is not supported"))
    }
}
