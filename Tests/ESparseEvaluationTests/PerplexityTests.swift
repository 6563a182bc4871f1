// Perplexity: windows by hand, and the reference figure of a real model.

import ESparseCPU
import ESparseCore
import ESparseEvaluation
import ESparseFormats
import ESparseModels
import ESparseReference
import ESparseTokenizers
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct PerplexityTests {
    private func tinyModel() throws -> LanguageModel<ReferenceBackend> {
        let checkpoint = try EvaluationFixtures.tinyCheckpoint("tiny-llama")
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

    @Test func speedCountsWindows() {
        let result = PerplexityResult(
            tokenCount: 100, windowCount: 3, sequenceLength: 32, meanNegativeLogLikelihood: 0, seconds: 2)
        #expect(result.tokensPerSecond == 48 && result.perplexity == 1)
    }

    /// transformers gives 18.8375 in f32 on the first two windows of 2,048 tokens (shared data's README).
    @Test(
        .enabled(
            if: EvaluationFixtures.smolLM2 != nil && EvaluationFixtures.wikiText != nil,
            "needs SmolLM2's GGUF file and the shared WikiText-2"),
        arguments: [(Precision.float32, 0.001), (.bfloat16, 0.003)])
    func smolLM2OnWikiText(precision: Precision, tolerance: Double) throws {
        let checkpoint = try Checkpoint.open(try #require(EvaluationFixtures.smolLM2))
        let text = try TextFile.documents(try #require(EvaluationFixtures.wikiText)).joined()
        let tokens = try Tokenizer.load(checkpoint).encode(text, addSpecialTokens: false)
        #expect(tokens.count == 304_978)
        let model = try LanguageModel.load(
            configuration: checkpoint.configuration, weights: checkpoint.weights,
            backend: CPUBackend(precision: precision, threadCount: 2))
        let result = try Perplexity.measure(model, tokens: tokens, sequenceLength: 2048, windowLimit: 2)
        #expect(abs(result.perplexity / 18.8375 - 1) < tolerance)
    }
}
