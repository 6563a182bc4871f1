// Long and repetitive text takes time in proportion to its length; large files load quickly.

import ESparseTokenizers
import Testing

@Suite(.serialized) struct SpeedTests {
    /// Generous: a quadratic scan of a megabyte would take hours.
    private static let limit = Duration.seconds(20)

    @Test(arguments: ["smollm", "llama3", "llama2", "metaspace"])
    func aMegabyteOfAnythingIsNotQuadratic(kind: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(kind)
        for unit in ["a", " ", "\n", "ab ", "1", "é", "日", "x\u{301}", "<", "\u{1}", " \n", "▁"] {
            let text = [UInt8](String(repeating: unit, count: 1_000_000 / unit.utf8.count).utf8)
            let clock = ContinuousClock()
            let start = clock.now
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            let encoded = clock.now
            _ = tokenizer.decode(ids)
            let time = clock.now - start
            #expect(time < SpeedTests.limit, "\(kind), \(unit.debugDescription): \(time)")
            if time > .seconds(2) { print("slow:", kind, unit.debugDescription, encoded - start, clock.now - encoded) }
        }
    }

    @Test func aVocabularyOfLlama3SizeLoads() throws {
        // Every two tokens of a level make one of the next, up to 128,000 tokens; merges are given as pairs.
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
        let clock = ContinuousClock()
        let start = clock.now
        let tokenizer = try Tokenizer.load(tokenizerJSON: Array(json.utf8))
        let time = clock.now - start
        print("128,000 tokens and 280,000 merges loaded:", time)
        #expect(tokenizer.vocabularySize == 128_000)
        #expect(time < SpeedTests.limit)
    }
}
