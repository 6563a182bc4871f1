// What is asked of the engine, and what it tells while it generates.

public import ESparseModels

/// One text to continue, with the rules that its tokens are drawn by.
public struct GenerationRequest: Sendable {
    /// The tokens to start from; at least one.
    public var prompt: [Int32]
    /// The most tokens to add; at least 1.
    public var maximumTokens: Int
    /// How each token is chosen.
    public var sampling: SamplingSettings
    /// Tokens that end the text; they are not part of it.
    public var stopTokens: Set<Int32>
    /// Seed of the random numbers.
    public var seed: UInt64
    /// Which of the seed's streams of random numbers to draw from: requests with a seed in common need streams of their own.
    public var stream: UInt64

    /// Asks for up to `maximumTokens` tokens after `prompt`.
    public init(
        prompt: [Int32], maximumTokens: Int, sampling: SamplingSettings = .greedy, stopTokens: Set<Int32> = [],
        seed: UInt64 = 0, stream: UInt64 = 0
    ) {
        self.prompt = prompt
        self.maximumTokens = maximumTokens
        self.sampling = sampling
        self.stopTokens = stopTokens
        self.seed = seed
        self.stream = stream
    }

    /// Checks the request, so that no step can fail on its account.
    ///
    /// - Returns: the positions of a KV cache that it needs: its prompt and all new tokens but the last, which the model never reads;
    ///   or as many as the model has.
    /// - Throws: `ModelError` when the prompt is empty, outside the vocabulary or longer than the model's positions, or when no token
    ///   is asked for.
    package func positions(in architecture: ModelArchitecture) throws -> Int {
        guard !prompt.isEmpty else { throw ModelError.tooFewTokens(needed: 1, found: 0) }
        guard maximumTokens >= 1 else {
            throw ModelError.invalidOption(
                "the number of new tokens", value: "\(maximumTokens)", requirement: "at least 1")
        }
        let limit = architecture.positionLimit ?? Settings.Limit.positions
        guard prompt.count <= limit else {
            throw ModelError.tooManyPositions(needed: prompt.count, available: limit)
        }
        for token in prompt where token < 0 || Int(token) >= architecture.vocabularySize {
            throw ModelError.tokenOutsideVocabulary(token, vocabularySize: architecture.vocabularySize)
        }
        let (needed, overflow) = prompt.count.addingReportingOverflow(maximumTokens - 1)
        return overflow ? limit : min(needed, limit)
    }
}

/// What happens to a request.
public enum GenerationEvent: Sendable, Equatable {
    /// A token was drawn.
    case token(Int32)
    /// There are no more tokens; always the last event.
    case finished(FinishReason)
}

/// What happens to one request, in order; ends after `finished`, or by the error that ended the request.
public typealias GenerationEvents = AsyncThrowingStream<GenerationEvent, any Error>

/// Why a text ended.
public enum FinishReason: String, Sendable {
    /// A stop token was drawn.
    case stopToken = "stop"
    /// As many tokens as asked for.
    case maximumTokens = "length"
    /// The model has no further positions.
    case contextFull = "context"
}
