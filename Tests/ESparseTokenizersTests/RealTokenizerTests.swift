// Real tokenizers, from GGUF files, give the ids that transformers gives for WikiText-2 and for hostile texts.

import ESparseFormats
import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct RealTokenizerTests {
    private struct Reference: Decodable {
        struct Hash: Decodable {
            let count: Int
            let fnv1a: String
        }
        let wikitext2: Hash
        let hostile: Hash
    }

    private static let qwen = TokenizerFixtures.cached("Qwen2.5-Coder-0.5B-Instruct.gguf")
    private static let gemma = TokenizerFixtures.cached("gemma-3-270m-q4_k_m.gguf")
    private static let wikitext = TokenizerFixtures.shared("wikitext-2-test.joined.txt")

    @Test(
        .enabled(if: qwen != nil && wikitext != nil, "~/.cache/esparse has no Qwen2.5-Coder, or WikiText-2 is absent"))
    func qwen25EqualsTheReference() throws {
        let tokenizer = try check(#require(RealTokenizerTests.qwen), "qwen2.5-coder-0.5b")
        #expect(tokenizer.vocabularySize == 151_936)
        #expect(tokenizer.encode("<|im_start|>x<tool_call>") == [151_644, 87, 151_657])
    }

    @Test(
        .enabled(if: gemma != nil && wikitext != nil, "~/.cache/esparse has no Gemma 3 270M, or WikiText-2 is absent"))
    func gemma3EqualsTheReference() throws {
        let tokenizer = try check(#require(RealTokenizerTests.gemma), "gemma-3-270m")
        #expect(tokenizer.vocabularySize == 262_144)
        #expect(tokenizer.encode("x\n\n") == [2, 236_781, 108])
    }

    /// Compares a file's tokenizer, and what is written of it, with scripts/fixtures/real_tokenizers.py.
    private func check(_ path: String, _ name: String) throws -> Tokenizer {
        let reference = try TokenizerFixtures.decode(Reference.self, "real/\(name).json")
        let tokenizer = try Tokenizer.load(gguf: GGUFTokenizerMetadata(GGUFFile(path: path).metadata))
        let text = try Data(contentsOf: URL(filePath: #require(RealTokenizerTests.wikitext)))
        let ids = tokenizer.encode(Array(text), addSpecialTokens: false)
        #expect(ids.count == reference.wikitext2.count && hash(ids) == reference.wikitext2.fnv1a)
        #expect(Array(tokenizer.decode(ids).utf8) == Array(text))
        let written = try Tokenizer.load(tokenizerJSON: Array(tokenizer.tokenizerJSON()))
        for tokenizer in [tokenizer, written] {
            let hostile = try TokenizerFixtures.inputs().flatMap { tokenizer.encode($0, addSpecialTokens: false) }
            #expect(hostile.count == reference.hostile.count && hash(hostile) == reference.hostile.fnv1a)
        }
        return tokenizer
    }
}
