// Ids and text equal those of Hugging Face's `tokenizers` for every kind of tokenizer.

import ESparseTokenizers
import FoundationEssentials
import Testing

@Suite struct ReferenceTests {
    @Test(arguments: TokenizerFixtures.kinds)
    func idsAndTextEqualTheReference(kind: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(kind)
        try check(tokenizer, kind: kind)
    }

    @Test(arguments: TokenizerFixtures.kinds)
    func writtenTokenizerJSONReadsBackEqual(kind: String) throws {
        let original = try TokenizerFixtures.tokenizer(kind)
        let tokenizer = try Tokenizer.load(tokenizerJSON: Array(original.tokenizerJSON()))
        try check(tokenizer, kind: kind)
        #expect(try tokenizer.tokenizerJSON() == original.tokenizerJSON())
    }

    private func check(_ tokenizer: Tokenizer, kind: String) throws {
        let inputs = try TokenizerFixtures.inputs()
        let expected = try TokenizerFixtures.decode(TokenizerFixtures.Expectations.self, "\(kind)/expected.json")
        #expect(expected.cases.count == inputs.count && inputs.count > 100)
        #expect(tokenizer.vocabularySize == expected.size)
        #expect(tokenizer.encode("x") == expected.aroundX)
        #expect(
            tokenizer.templateTokenCount == expected.aroundX.count
                - tokenizer.encode("x", addSpecialTokens: false).count)
        for (input, reference) in zip(inputs, expected.cases) {
            let text = String(decoding: input, as: UTF8.self)
            let ids = tokenizer.encode(input, addSpecialTokens: false)
            #expect(ids == reference.ids, "\(kind): \(text.debugDescription)")
            #expect(
                Array(tokenizer.decode(reference.ids).utf8) == Array(reference.decoded.utf8),
                "\(kind): \(reference.ids)")
            #expect(tokenizer.encodeLiterally(text) == reference.literal ?? reference.ids, "\(kind): \(text)")
        }
        for reference in expected.decodings {
            #expect(Array(tokenizer.decode(reference.ids).utf8) == Array(reference.decoded.utf8), "\(reference.ids)")
            let skipped = tokenizer.decode(reference.ids, skippingSpecialTokens: true)
            #expect(Array(skipped.utf8) == Array(reference.skipped.utf8), "\(reference.ids)")
        }
    }

    @Test(arguments: TokenizerFixtures.kinds)
    func streamedPiecesJoinToTheDecodedText(kind: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(kind)
        for input in try TokenizerFixtures.inputs() {
            let ids = tokenizer.encode(input, addSpecialTokens: false)
            var decoder = tokenizer.makeStreamingDecoder(skippingSpecialTokens: false)
            let pieces = ids.map { decoder.append($0) } + [decoder.finish()]
            #expect(pieces.flatMap { Array($0.utf8) } == Array(tokenizer.decode(ids).utf8), "\(kind): \(ids)")
        }
    }

    @Test(arguments: ["gpt2", "llama3"])
    func textRoundTripsThroughByteLevelTokenizers(kind: String) throws {
        let tokenizer = try TokenizerFixtures.tokenizer(kind)
        for input in try TokenizerFixtures.inputs() {
            let text = String(decoding: input, as: UTF8.self)
            #expect(Array(tokenizer.decode(tokenizer.encode(text, addSpecialTokens: false)).utf8) == Array(text.utf8))
        }
    }
}
