// SentencePiece model files built byte by byte: merging that can be checked by hand, and what cannot be read is named.

import ESparseFormats
import ESparseTokenizers
import Testing

@Suite struct SentencePieceFileTests {
    private typealias Parts = SentencePieceFileTests

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
        let tokenizer = try Tokenizer.load(sentencePieceModel: Parts.file(Parts.few))
        #expect(tokenizer.encode("aba") == [5, 3, 1])  // ab and ba share a score.
        #expect(tokenizer.encode("bab") == [5, 4, 2])
        #expect(tokenizer.encode(" b é") == [5, 2, 5, 0])
        #expect(tokenizer.encode("bé") == [5, 6])  // é is no piece, but bé is.
        #expect(tokenizer.encode("xyz") == [5, 0])  // Unknown characters are one token.
    }

    @Test func aFileIsWrittenAsGGUFAsItIs() throws {
        let bytes = (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return Parts.piece("<0x\(digits.count == 1 ? "0" : "")\(digits)>", type: 6)
        }
        let rest = [
            Parts.piece("ab", score: -1.5), Parts.piece("bc", score: -2), Parts.piece("a", score: -3),
            Parts.piece("b", score: -4), Parts.piece("c", score: -5), Parts.piece("▁", score: -6),
            Parts.piece("▁x", type: 4), Parts.piece("abab", type: 5, score: -7),
        ]
        let pieces = [Parts.piece("<unk>", type: 2), Parts.piece("<s>", type: 3)] + bytes + rest
        // Bytes for unknown characters; all spaces are kept.
        let file = Parts.file(pieces, trainer: [0x18, 2, 0x98, 2, 1], normalizer: [0x20, 0])
        let tokenizer = try Tokenizer.load(sentencePieceModel: file)
        let values = try tokenizer.ggufMetadata(vocabularySize: 268, name: "test")
        let metadata = try GGUFTokenizerMetadata(
            GGUFMetadata(path: "test", values: Dictionary(values.map { ($0.key, $0.value) }) { $1 }))
        #expect(metadata.tokens[258...] == ["ab", "bc", "a", "b", "c", "▁", " x", "abab", "[PAD266]", "[PAD267]"])
        #expect(metadata.scores?[258...] == [-1.5, -2, -3, -4, -5, -6, 0, -7, -8, -8])
        #expect(metadata.scores?[..<258].allSatisfy { $0 == 0 } == true)
        #expect(metadata.tokenTypes?[..<3] == [2, 3, 6])
        #expect(metadata.tokenTypes?[258...] == [1, 1, 1, 1, 1, 1, 4, 5, 5, 5])
        #expect(metadata.addsBeginningOfSequence == false && metadata.beginningOfSequenceID == 1)
        #expect(metadata.unknownID == 0 && metadata.merges.isEmpty)
        #expect(tokenizer.encode("abc") == [263, 258, 262])
        #expect(try Tokenizer.load(gguf: metadata).encode("abc") == [263, 258, 262])
    }

    private func message(_ bytes: [UInt8]) -> String {
        do {
            _ = try Tokenizer.load(sentencePieceModel: bytes)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test func whatCannotBeReadIsNamed() {
        let few = Parts.few
        #expect(message(Parts.file(few)) == "no error")
        #expect(message([]).contains("pieces: there are none; the file is not a SentencePiece model"))
        #expect(
            message(Parts.file(few, trainer: [])).contains(
                "trainer_spec.model_type: Unigram is not supported; supported: BPE"))
        #expect(message(Parts.file(few, trainer: [0x18, 1])).contains("Unigram is not supported"))
        #expect(message(Parts.file(few, trainer: [0x18, 3])).contains("Word is not supported"))
        #expect(message(Parts.file(few, trainer: [0x18, 9])).contains("the model type 9 is unknown"))
        #expect(
            message(Array("IQ== 0\nIg== 1\n".utf8)).contains("the file is not a SentencePiece model, or is damaged"))
        #expect(message([0x0A, 0x7F, 1]).contains("byte 2: a field is longer than what is left"))
        #expect(message([0x0A]).contains("byte 1: a number is cut short"))
        #expect(message([UInt8](repeating: 0xFF, count: 12)).contains("more than ten bytes"))
        #expect(message(Parts.file(Array(few.dropFirst()))).contains("0 of them have the type of the unknown piece"))
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
    }
}
