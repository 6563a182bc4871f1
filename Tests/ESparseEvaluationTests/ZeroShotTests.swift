// Zero-shot tasks, item by item against transformers: hand-made items always, real ones where they are at hand.

import ESparseCPU
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseModels
import ESparseTokenizers
import FoundationEssentials
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct ZeroShotTests {
    /// Every format of every task, and every choice's log-likelihood, through models with 256 positions: one item is longer.
    @Test(arguments: ["tiny-llama", "tiny-opt"])
    func handMadeItemsGiveTheReferencesLogLikelihoods(name: String) throws {
        let golden: [String: [String: GoldenTask]] = try EvaluationFixtures.golden("zeroshot_tiny.json")
        let expected = try #require(golden[name])
        let checkpoint = try EvaluationFixtures.tinyCheckpoint(name)
        let model = try EvaluationFixtures.model(checkpoint)
        let folder = EvaluationFixtures.tasks
        let sources = try TaskSource.parse(folder) + TaskSource.parse("mine=\(folder)/mine.jsonl")
        #expect(Set(sources.map(\.task.name)) == Set(expected.keys))
        for source in sources {
            let task = try #require(expected[source.task.name])
            let evaluation = try EvaluationFixtures.evaluation(source, of: checkpoint, model: model)
            try expectAgreement(evaluation, task, tolerance: 2e-3)
            for score in evaluation.scores {
                let values: [Double] =
                    switch score.metric {
                    case .accuracy: task.scores?.acc ?? []
                    case .normalizedAccuracy: task.scores?.acc_norm ?? []
                    case .perplexity: task.scores?.perplexity ?? []
                    }
                #expect(values.count == 2, "\(source.task.name) has no golden \(score.metric)")
                #expect(abs(score.value - values[0]) <= 1e-3 * values[0], "\(source.task.name) \(score.metric)")
                #expect(abs((score.standardError ?? -1) - values[1]) <= 1e-3 * values[1])
            }
        }
    }

    /// Six tasks of the shared data; a test for the first items only, `scripts/measure/zeroshot.sh` checks all 300.
    @Test(
        .enabled(
            if: EvaluationFixtures.smolLM2 != nil && EvaluationFixtures.zeroShot != nil,
            "needs SmolLM2's GGUF file and the shared zero-shot items"))
    func smolLM2GivesTheReferencesLogLikelihoods() throws {
        let golden: [String: GoldenTask] = try EvaluationFixtures.golden("zeroshot_smollm2.json")
        let checkpoint = try Checkpoint.open(try #require(EvaluationFixtures.smolLM2))
        let model = try EvaluationFixtures.model(checkpoint)
        let sources = try TaskSource.parse(try #require(EvaluationFixtures.zeroShot))
        #expect(Set(sources.map(\.task.name)) == Set(golden.keys))
        for source in sources {
            let evaluation = try EvaluationFixtures.evaluation(source, limit: 4, of: checkpoint, model: model)
            try expectAgreement(evaluation, try #require(golden[source.task.name]), tolerance: 1e-3)
        }
    }

    /// A model says it has a million positions; an item of 60,000 characters keeps what fits, and says so.
    @Test func aVeryLongItemIsCut() throws {
        let configuration =
            #"{"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 64, "#
            + #""num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 1000000, "#
            + #""rms_norm_eps": 1e-5}"#
        let architecture = try ModelArchitecture(configuration: Data(configuration.utf8))
        #expect(EncodedTask.contextLength(of: architecture) == 8192)
        let record = #"{"ctx": "\#(String(repeating: "lamp ", count: 12000))", "choices": [" is", " was"], "gold": 0}"#
        let path = try EvaluationFixtures.file("own.jsonl", Array((record + "\n" + ZeroShotTests.short).utf8))
        let source = try TaskSource.parse("own=" + path)[0]
        let task = try EncodedTask(
            source, items: source.task.items(path),
            tokenizer: Tokenizer.load(EvaluationFixtures.tinyCheckpoint("tiny-llama")), architecture: architecture)
        #expect(task.requests[0].allSatisfy { $0.inputs.count == 8192 && $0.isCut })
        #expect(task.requests[1].allSatisfy { $0.inputs.count < 20 && !$0.isCut })
        #expect(task.cutItemCount == 1 && task.cutSentence?.hasPrefix("own: 1 item is longer") == true)
    }

    private static let short = #"{"ctx": "A lamp", "choices": [" is", " was"], "gold": 0}"#

    /// A prepared item of LAMBADA asks for its right choice, wherever it stands.
    @Test func aPreparedClozeItemAsksForItsRightChoice() throws {
        let checkpoint = try EvaluationFixtures.tinyCheckpoint("tiny-llama")
        let model = try EvaluationFixtures.model(checkpoint)
        let records = [
            #"{"ctx": "The keeper lit the", "choices": [" lamp", " sea"], "gold": 1}"#,
            #"{"ctx": "The keeper lit the", "choices": [" sea", " lamp"], "gold": 0}"#,
            #"{"contexts": ["A cup", "The keeper lit the"], "continuation": " sea", "gold": 1}"#,
        ]
        let path = try EvaluationFixtures.file("lambada_openai.jsonl", Array(records.joined(separator: "\n").utf8))
        let evaluation = try EvaluationFixtures.evaluation(TaskSource.parse(path)[0], of: checkpoint, model: model)
        let (first, others) = (evaluation.answers[0], evaluation.answers.dropFirst())
        #expect(evaluation.answers.allSatisfy { $0.count == 1 })
        #expect(evaluation.items.allSatisfy { $0.gold == 0 && $0.target == " sea" && $0.choiceLengths.count == 1 })
        for answers in others { #expect(abs(answers[0].logLikelihood - first[0].logLikelihood) < 1e-4) }
        let perplexity = try #require(evaluation.scores.first { $0.metric == .perplexity })
        #expect(abs(perplexity.value / exp(-first[0].logLikelihood) - 1) < 1e-4)
    }

    private func expectAgreement(_ evaluation: TaskEvaluation, _ golden: GoldenTask, tolerance: Double) throws {
        let name = evaluation.source.task.name
        for (index, answers) in evaluation.answers.enumerated() {
            let expected = golden.log_likelihoods[index]
            #expect(answers.count == expected.count, "\(name), item \(index)")
            for (choice, answer) in answers.enumerated() {
                let difference = abs(answer.logLikelihood - expected[choice])
                #expect(difference < tolerance, "\(name), item \(index), choice \(choice): off by \(difference)")
            }
            #expect(answers.map { $0.isGreedy ? 1 : 0 } == golden.greedy[index], "\(name), item \(index)")
        }
    }

    /// Sharing prefixes and batching items must not change an answer: each request run on its own gives the same.
    @Test func sharedPrefixesChangeNothing() throws {
        let model = try EvaluationFixtures.model(EvaluationFixtures.tinyCheckpoint("tiny-llama"))
        var random = SeededRandom(seed: 7)
        func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(random.integer(below: 512)) } }
        func request(_ text: [Int32], targets: Int) -> EncodedRequest {
            EncodedRequest(inputs: text.dropLast(), targets: Array(text.suffix(targets)))
        }
        let prefix = tokens(20)
        let items = [
            // One choice is the beginning of another; two differ in their last token only; one has no prefix in common.
            [
                request(prefix + [5, 6, 7], targets: 3), request(prefix + [5], targets: 1),
                request(prefix + [9], targets: 1),
            ],
            [request(prefix + [5, 6, 7], targets: 1), request(prefix + [5, 6, 8], targets: 1)],
            [request([1] + prefix, targets: 2), request([2] + prefix, targets: 2)],
            [request(tokens(2), targets: 1)],
            [request(prefix, targets: 19), request(prefix, targets: 1)],
        ]
        let (answers, counts, _) = try LikelihoodScorer(model).answers(to: items, stage: "test")
        for (item, answers) in zip(items, answers) {
            for (request, answer) in zip(item, answers) {
                let text = request.inputs + [request.targets[request.targets.count - 1]]
                let losses = try model.negativeLogLikelihoods(of: [text], from: [text.count - request.targets.count])[0]
                #expect(abs(answer.logLikelihood + losses.reduce(0, +)) < 1e-4)
            }
        }
        // Prefixes of 20, 22, 0, 1 and 19 inputs; beyond them 2 inputs of the first item and 20 of each in the third.
        #expect(counts.computed == 20 + 2 + 22 + 40 + 1 + 19)
        #expect(counts.separately == 22 + 20 + 20 + 22 + 22 + 20 + 20 + 1 + 19 + 19)
    }

    @Test func answersDoNotDependOnThreads() throws {
        let checkpoint = try EvaluationFixtures.tinyCheckpoint("tiny-llama")
        let source = try TaskSource.parse(EvaluationFixtures.tasks + "/hellaswag_val.jsonl")[0]
        let answers = try [1, 3].map { threads in
            try EvaluationFixtures.evaluation(
                source, of: checkpoint, model: EvaluationFixtures.model(checkpoint, threads: threads)
            ).answers
        }
        #expect(answers[0] == answers[1])
    }
}
