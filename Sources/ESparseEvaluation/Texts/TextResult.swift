// A text's perplexity by tokens, words and bytes.

import ESparseFormats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A model's loss on a text, also in units that do not depend on the tokenizer.
///
/// The loss is the mean over the predicted tokens of the windows that were run, as for `PerplexityResult`. Bytes and words are
/// those of the text of these windows, so what one token costs is spread over `byteCount / tokens` bytes: the first token of
/// a window, which is not predicted, counts as costing the mean, and the tail of the text is left out. lm-eval's definitions
/// (`-sum of log-likelihoods / (bytes * ln 2)`, `exp(-sum / words)`) differ only in predicting every token.
public struct TextResult: Sendable, Equatable {
    /// The text's name.
    public let name: String
    /// Loss a token, and what was run.
    public let perplexity: PerplexityResult
    /// UTF-8 bytes of the windows' text.
    public let byteCount: Int
    /// Words of the windows' text: one more than its runs of white space, as lm-eval counts.
    public let wordCount: Int

    /// Puts a result together.
    public init(name: String, perplexity: PerplexityResult, byteCount: Int, wordCount: Int) {
        self.name = name
        self.perplexity = perplexity
        self.byteCount = byteCount
        self.wordCount = wordCount
    }

    /// Loss of the windows' text in nats.
    private var loss: Double {
        perplexity.meanNegativeLogLikelihood * Double(perplexity.windowCount * perplexity.sequenceLength)
    }

    /// Bits that the model needs for a byte of the text.
    public var bitsPerByte: Double { loss / (Double(byteCount) * log(2)) }

    /// `exp` of the loss a byte.
    public var bytePerplexity: Double { exp(loss / Double(byteCount)) }

    /// `exp` of the loss a word.
    public var wordPerplexity: Double { exp(loss / Double(wordCount)) }

    /// Under `results` of the report.
    var results: JSONValue {
        object([
            ("alias", .text(name)), ("token_perplexity,none", .number(perplexity.perplexity)),
            ("negative_log_likelihood,none", .number(perplexity.meanNegativeLogLikelihood)),
            ("bits_per_byte,none", .number(bitsPerByte)), ("byte_perplexity,none", .number(bytePerplexity)),
            ("word_perplexity,none", .number(wordPerplexity)),
        ])
    }

    /// Under `configs` of the report.
    var configuration: JSONValue {
        object([
            ("task", .text(name)), ("sequence_length", .integer(perplexity.sequenceLength)),
            ("tokens", .integer(perplexity.tokenCount)), ("bytes", .integer(byteCount)), ("words", .integer(wordCount)),
        ])
    }

    /// Under `n-samples` of the report, in windows.
    var sampleCounts: JSONValue {
        object([
            ("original", .integer(perplexity.tokenCount / perplexity.sequenceLength)),
            ("effective", .integer(perplexity.windowCount)),
        ])
    }
}
