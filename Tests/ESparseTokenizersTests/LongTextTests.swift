// Long and repetitive text: twice the text is twice the tokens. Benchmarks measures how long it takes.

import ESparseTokenizers
import Testing

struct LongTextTests {
    /// A quadratic scan of these texts would take an hour, so it would not go unnoticed.
    @Test(arguments: ["smollm", "llama3", "llama2", "metaspace"])
    func twiceTheTextIsTwiceTheTokens(kind: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(kind)
        for unit in ["a", " ", "\n", "ab ", "1", "é", "日", "x\u{301}", "<", "\u{1}", " \n", "▁"] {
            let sizes = [200_000, 400_000].map { size in
                let text = [UInt8](String(repeating: unit, count: size / unit.utf8.count).utf8)
                let ids = tokenizer.encode(text, addSpecialTokens: false)
                return (tokens: ids.count, bytes: tokenizer.decode(ids).utf8.count)
            }
            // At either end of a text a few tokens may merge, or a space be added.
            #expect(abs(sizes[1].tokens - 2 * sizes[0].tokens) <= 8, "\(kind), \(unit.debugDescription): \(sizes)")
            #expect(abs(sizes[1].bytes - 2 * sizes[0].bytes) <= 8, "\(kind), \(unit.debugDescription): \(sizes)")
        }
    }

    @Test func aVocabularyOfLlama3SizeLoads() throws {
        // 400 characters; every pair of them is a token until there are 128,000. Merges are given as pairs.
        var tokens = (0..<400).map { String(Character(Unicode.Scalar(UInt32(0x4E00 + $0)) ?? "a")) }
        var merges: [String] = []
        let base = tokens.count
        for left in 0..<base {
            for right in 0..<base where tokens.count < 128_000 {
                tokens.append(tokens[left] + tokens[right])
                merges.append("[\"\(tokens[left])\",\"\(tokens[right])\"]")
            }
        }
        for index in 0..<(280_000 - merges.count) { merges.append(merges[index]) }
        let vocabulary = tokens.enumerated().map { "\"\($1)\":\($0)" }.joined(separator: ",")
        let json = #"{"model":{"vocab":{\#(vocabulary)},"merges":[\#(merges.joined(separator: ","))]}}"#
        let tokenizer = try Tokenizer.load(tokenizerJSON: Array(json.utf8))
        #expect(tokenizer.vocabularySize == 128_000)
        #expect(tokenizer.encode(tokens[127_999]) == [127_999])
    }
}
