// What is written for a GGUF's tokenizer is a folder that reads back with all its settings.

import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct WrittenFolderTests {
    private static let variable = "ESPARSE_WRITE_TOKENIZERS"

    /// The tokenizers by the fixture that has their expected ids.
    private static func tokenizers() throws -> [(name: String, tokenizer: Tokenizer)] {
        var all: [(name: String, tokenizer: Tokenizer)] = []
        for kind in TokenizerFixtures.kinds { all.append((kind, try TokenizerFixtures.tokenizer(kind))) }
        var metadata = try GGUFTests.sentencePiece()
        metadata.chatTemplate = "{{ '[INST] <<SYS>>\n\"é' }}"
        metadata.namedChatTemplates = ["tool_use": "{{ tools }}", "rag": "{{ documents }}"]
        all.append(("gguf_llama", try Tokenizer.load(gguf: metadata)))
        all.append(("gguf_gemma", try Tokenizer.load(gguf: GGUFTests.gemma())))
        return all
    }

    private func write(_ tokenizer: Tokenizer, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try tokenizer.tokenizerJSON().write(to: URL(filePath: folder + "/tokenizer.json"))
        try tokenizer.tokenizerConfigJSON().write(to: URL(filePath: folder + "/tokenizer_config.json"))
    }

    @Test func settingsSurvive() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/esparse-written-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, tokenizer) in try WrittenFolderTests.tokenizers() {
            try write(tokenizer, to: folder)
            let read = try Tokenizer.load(folder: folder)
            #expect(read.chatTemplate == tokenizer.chatTemplate, "\(name)")
            #expect(read.chatTemplateNames == tokenizer.chatTemplateNames, "\(name)")
            #expect(read.beginningOfSequenceID == tokenizer.beginningOfSequenceID)
            #expect(read.endOfSequenceID == tokenizer.endOfSequenceID)
            #expect(read.stopIDs == tokenizer.stopIDs)
            #expect(read.encode("It's 7:45.\n") == tokenizer.encode("It's 7:45.\n"))
        }
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment[variable] != nil,
            "writes folders for check_written_tokenizers.py when ESPARSE_WRITE_TOKENIZERS names where"))
    func writesFoldersForTheReferenceToRead() throws {
        let root = try #require(ProcessInfo.processInfo.environment[WrittenFolderTests.variable])
        for (name, tokenizer) in try WrittenFolderTests.tokenizers() { try write(tokenizer, to: root + "/" + name) }
    }
}
