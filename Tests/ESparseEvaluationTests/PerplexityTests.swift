// Perplexity: windows by hand, JSON as lm-eval writes it, and the reference figure of a real model.

import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseKernels
import ESparseModels
import ESparseTestSupport
import ESparseTokenizers
import FoundationEssentials
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// The repository's root, from this file's place in it.
private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private func existing(_ path: String) -> String? { FileManager.default.fileExists(atPath: path) ? path : nil }

private let environment = ProcessInfo.processInfo.environment

/// SmolLM2's GGUF file, where it is at hand.
private let smolLM2 = existing(
    environment["ESPARSE_SMOLLM2"]
        ?? (environment["HOME"] ?? "") + "/.cache/esparse/SmolLM2-135M-Instruct.Q4_1.gguf")

/// WikiText-2's test split, where it is at hand.
private let wikiText = existing(
    (environment["ESPARSE_SHARED_DATA"] ?? root.path + "/../shared/data") + "/wikitext-2-test.joined.txt")

@Suite struct PerplexityTests {
    private func tinyModel() throws -> LanguageModel<ReferenceBackend> {
        let checkpoint = try Checkpoint.open(root.path + "/Tests/Command/tiny-llama")
        return try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights, backend: ReferenceBackend())
    }

    @Test func windowsAreConsecutiveAndTheTailIsDropped() throws {
        let model = try tinyModel()
        let tokens = (0..<50 as Range<Int32>).map { ($0 * 37 + 11) % 512 }
        let result = try Perplexity.measure(model, tokens: tokens, sequenceLength: 16)
        let means = try (0..<3).map { window in
            let losses = try model.negativeLogLikelihoods(of: [Array(tokens[(window * 16)..<(window * 16 + 16)])])[0]
            #expect(losses.count == 15)
            return losses.reduce(0, +) / 15
        }
        #expect(result.windowCount == 3 && result.tokenCount == 50 && result.sequenceLength == 16)
        #expect(abs(result.meanNegativeLogLikelihood - means.reduce(0, +) / 3) < 1e-9)
        #expect(abs(result.perplexity - exp(means.reduce(0, +) / 3)) < 1e-6)
        let first = try Perplexity.measure(model, tokens: tokens, sequenceLength: 16, windowLimit: 1)
        #expect(abs(first.meanNegativeLogLikelihood - means[0]) < 1e-9)
    }

    @Test func aTextShorterThanAWindowIsRefused() throws {
        let model = try tinyModel()
        #expect(throws: EvaluationError.tooLittleText(tokens: 7, sequenceLength: 8)) {
            try Perplexity.measure(model, tokens: [Int32](repeating: 5, count: 7), sequenceLength: 8)
        }
    }

    @Test func jsonHasTheShapeOfLMEval() throws {
        let result = PerplexityResult(
            tokenCount: 100, windowCount: 3, sequenceLength: 32, meanNegativeLogLikelihood: 0, seconds: 2)
        let json = String(decoding: try result.json(task: "wiki", model: "m", precision: "f32"), as: UTF8.self)
        let expected = """
            {
              "config" : {
                "model" : "m",
                "precision" : "f32",
                "sequence_length" : 32,
                "tokens" : 100,
                "windows" : 3
              },
              "results" : {
                "wiki" : {
                  "alias" : "wiki",
                  "negative_log_likelihood,none" : 0,
                  "token_perplexity,none" : 1
                }
              }
            }
            """
        #expect(json == expected)
        #expect(result.tokensPerSecond == 48)
    }

    /// transformers gives 18.8375 in f32 on the first two windows of 2,048 tokens (shared data's README).
    @Test(
        .enabled(if: smolLM2 != nil && wikiText != nil, "needs SmolLM2's GGUF file and the shared WikiText-2"),
        arguments: [(Precision.float32, 0.001), (.bfloat16, 0.003)])
    func smolLM2OnWikiText(precision: Precision, tolerance: Double) throws {
        let checkpoint = try Checkpoint.open(try #require(smolLM2))
        let text = try TextFile.documents(try #require(wikiText)).joined()
        let tokens = try Tokenizer.load(checkpoint).encode(text, addSpecialTokens: false)
        #expect(tokens.count == 304_978)
        let model = try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights,
            backend: CPUBackend(precision: precision, threadCount: 2))
        let result = try Perplexity.measure(model, tokens: tokens, sequenceLength: 2048, windowLimit: 2)
        #expect(abs(result.perplexity / 18.8375 - 1) < tolerance)
    }
}
