// Scores, the JSON and the samples files, and texts measured by words and bytes, against figures worked out by hand.

import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseTokenizers
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct EvaluationResultTests {
    private let checkpoint = "tiny-llama"

    /// A task of two items of the user's own, asked of a tiny model.
    private func evaluation(limit: Int? = nil) throws -> TaskEvaluation {
        let records = [
            #"{"ctx": "A lamp", "choices": [" is lit.", " x"], "gold": 0, "note": "é"}"#,
            #"{"contexts": ["One", "Two"], "continuation": " cups.", "gold": 1}"#,
        ]
        let path = try EvaluationFixtures.file("own.jsonl", Array(records.joined(separator: "\n").utf8))
        let source = try TaskSource.parse("own=" + path)[0]
        let checkpoint = try EvaluationFixtures.tinyCheckpoint(checkpoint)
        return try EvaluationFixtures.evaluation(
            source, limit: limit, of: checkpoint, model: EvaluationFixtures.model(checkpoint))
    }

    @Test func reportHasTheShapeOfLMEval() throws {
        let text = TextResult(
            name: "wiki",
            perplexity: PerplexityResult(
                tokenCount: 100, windowCount: 3, sequenceLength: 32, meanNegativeLogLikelihood: 0, seconds: 2),
            byteCount: 480, wordCount: 96)
        let task = TaskResult(try evaluation())
        let report = EvaluationReport(model: "m", precision: "f32", limit: 2, texts: [text], tasks: [task])
        let json = try JSONParser.parse(Array(report.json()))
        let wiki = try #require(json["results"]?["wiki"])
        #expect(wiki["token_perplexity,none"] == .number(1) && wiki["bits_per_byte,none"] == .number(0))
        #expect(wiki["word_perplexity,none"] == .number(1) && wiki["byte_perplexity,none"] == .number(1))
        #expect(
            json["configs"]?["wiki"]?["tokens"] == .integer(100) && json["configs"]?["wiki"]?["bytes"] == .integer(480))
        #expect(json["n-samples"]?["wiki"]?["effective"] == .integer(3))
        let own = try #require(json["results"]?["own"])
        #expect(
            own.members?.map(\.name) == [
                "acc,none", "acc_norm,none", "acc_norm_stderr,none", "acc_stderr,none", "alias",
            ])
        #expect(json["n-samples"]?["own"]?["original"] == .integer(2))
        #expect(json["config"]?["limit"] == .integer(2) && json["config"]?["model"] == .text("m"))
        #expect(json["config"]?["sequence_length"] == .integer(32) && json["config"]?["windows"] == .integer(3))
        #expect(json["config"]?["tokens"] == .integer(100))
        #expect(json["n-shot"]?["own"] == .integer(0) && json["versions"]?["own"] == .text("N/A"))
        #expect(json["higher_is_better"]?["own"]?["acc"] == .boolean(true) && json["groups"] == nil)
    }

    @Test func oneItemHasNoStandardError() throws {
        let task = TaskResult(try evaluation(limit: 1))
        #expect(task.itemCount == 1 && task.fileItemCount == 2 && task.scores.allSatisfy { $0.standardError == nil })
        let json = try JSONParser.parse(
            Array(EvaluationReport(model: "m", precision: "f32", limit: 1, texts: [], tasks: [task]).json()))
        #expect(json["results"]?["own"]?["acc_stderr,none"] == .text("N/A"))
    }

    /// Four of eight right: the mean is a half, the standard error sqrt(8/4/7/8) = 0.188982.
    @Test func standardErrorOfAMean() throws {
        let lines = (0..<8).map { #"{"ctx": "A lamp", "choices": [" is lit.", " x"], "gold": \#($0 % 2)}"# }
        let path = try EvaluationFixtures.file("own.jsonl", Array(lines.joined(separator: "\n").utf8))
        let source = try TaskSource.parse("own=" + path)[0]
        let checkpoint = try EvaluationFixtures.tinyCheckpoint(checkpoint)
        let scores = try EvaluationFixtures.evaluation(
            source, of: checkpoint, model: EvaluationFixtures.model(checkpoint)
        ).scores
        #expect(scores.map(\.value) == [0.5, 0.5])
        #expect(scores.allSatisfy { abs(($0.standardError ?? 0) - 0.1889822365) < 1e-9 })
    }

    @Test func samplesHaveTheShapeOfLMEval() throws {
        let evaluation = try evaluation()
        let folder = FileSystem.parent(of: evaluation.source.path)
        try evaluation.writeSamples(to: folder + "/")
        let bytes = try FileSystem.read(folder + "/samples_own.jsonl")
        let lines = try bytes.split(separator: 0x0A).map { try JSONParser.parse(Array($0)) }
        #expect(lines.count == 2 && bytes.last == 0x0A)
        let first = try #require(lines.first)
        #expect(first["doc_id"] == .integer(0) && first["target"] == .text("0") && first["filter"] == .text("none"))
        #expect(first["doc"]?["note"] == .text("é"))
        #expect(first["arguments"]?["gen_args_1"]?["arg_1"] == .text(" x"))
        let answer = JSONValue.array([.text(String(evaluation.answers[0][0].logLikelihood)), .text("False")])
        #expect(first["resps"]?.array?.first == .array([answer]) && first["filtered_resps"]?.array?.first == answer)
        #expect(first["metrics"] == .array([.text("acc"), .text("acc_norm")]))
        #expect(lines[1]["target"] == .text("cups.") && lines[1]["arguments"]?["gen_args_1"]?["arg_0"] == .text("Two"))
        #expect([lines[1]["acc"], lines[1]["acc_norm"]].allSatisfy { $0 == .number(0) || $0 == .number(1) })
    }

    /// Two windows of eight tokens: their text's bytes and words, counted here from the tokens' own text.
    @Test func wordsAndBytesOfTheWindowsThatWereRun() throws {
        let checkpoint = try EvaluationFixtures.tinyCheckpoint(checkpoint)
        let tokenizer = try Tokenizer.load(checkpoint)
        let text = "The keeper lit the lamp,\n\nand the  light went out over the dark water to the ships."
        let result = try Perplexity.measure(
            EvaluationFixtures.model(checkpoint), tokenizer: tokenizer, text: text, name: "t", sequenceLength: 8,
            windowLimit: 2)
        let read = tokenizer.decode(Array(tokenizer.encode(text, addSpecialTokens: false).prefix(16)))
        #expect(text.hasPrefix(read) && read != text)
        #expect(result.byteCount == read.utf8.count)
        #expect(result.wordCount == read.split(whereSeparator: \.isWhitespace).count + (read.hasSuffix(" ") ? 1 : 0))
        let loss = result.perplexity.meanNegativeLogLikelihood * 16
        #expect(abs(result.bitsPerByte - loss / Double(read.utf8.count) / log(2)) < 1e-12)
        #expect(abs(result.wordPerplexity / exp(loss / Double(result.wordCount)) - 1) < 1e-12)
        #expect(abs(result.bytePerplexity - exp(loss / Double(read.utf8.count))) < 1e-12)
    }

    @Test func encodingFollowsLMEval() throws {
        let tokenizer = try Tokenizer.load(EvaluationFixtures.tinyCheckpoint(checkpoint))
        let whole = tokenizer.encode("The lamp is lit.")
        let context = tokenizer.encode("The lamp").count
        let plain = LikelihoodRequest(context: "The lamp", continuation: " is lit.")
        let encoded = try tokenizer.encode(plain, contextLength: 256)
        #expect(encoded == EncodedRequest(inputs: whole.dropLast(), targets: Array(whole.dropFirst(context))))
        // White space at the end of the context belongs to the continuation.
        #expect(
            try tokenizer.encode(LikelihoodRequest(context: "The lamp ", continuation: "is lit."), contextLength: 256)
                == encoded)
        // Too long: the beginning goes, and what is left has room for the context length.
        let short = try tokenizer.encode(plain, contextLength: encoded.targets.count)
        #expect(short.targets == encoded.targets && short.inputs == Array(whole.dropLast().suffix(short.targets.count)))
        #expect(short.isCut && !encoded.isCut)
        #expect(throws: RequestProblem.tooLong(tokens: encoded.targets.count, contextLength: 1)) {
            try tokenizer.encode(plain, contextLength: 1)
        }
        #expect(throws: RequestProblem.noTokens) {
            try tokenizer.encode(LikelihoodRequest(context: "The lamp", continuation: ""), contextLength: 256)
        }
        // Nothing before: the beginning token, <s>, stands there.
        let bare = try tokenizer.encode(LikelihoodRequest(context: "", continuation: " lit"), contextLength: 256)
        #expect(bare.inputs.first == 0 && bare.targets == tokenizer.encode(" lit", addSpecialTokens: false))
    }
}
