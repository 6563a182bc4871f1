// What is asked of a generator, and what it gives back.

/// How texts are generated.
public struct GenerationSettings: Sendable {
    /// How each token is chosen.
    public var sampling: SamplingSettings
    /// Seed of all random streams; sequence `i` draws from stream `i`, so it does not depend on its neighbours.
    public var seed: UInt64
    /// Tokens that end a sequence; they are not part of the output.
    public var stopTokens: Set<Int32>
    /// The most tokens one forward pass handles, counting prompts and next tokens of all sequences.
    public var chunkSize: Int

    /// Takes the settings.
    public init(
        sampling: SamplingSettings = .greedy, seed: UInt64 = 0, stopTokens: Set<Int32> = [], chunkSize: Int = 512
    ) {
        precondition(chunkSize > 0)
        self.sampling = sampling
        self.seed = seed
        self.stopTokens = stopTokens
        self.chunkSize = chunkSize
    }
}

/// One text to continue.
public struct GenerationRequest: Sendable {
    /// The tokens to start from; at least one.
    public let prompt: [Int32]
    /// The most tokens to add.
    public let maximumTokens: Int

    /// Asks for up to `maximumTokens` tokens after `prompt`.
    public init(prompt: [Int32], maximumTokens: Int) {
        self.prompt = prompt
        self.maximumTokens = maximumTokens
    }
}

/// Why a sequence ended.
public enum FinishReason: String, Sendable {
    /// A stop token was drawn.
    case stopToken = "stop"
    /// As many tokens as asked for.
    case maximumTokens = "length"
    /// The model has no further positions.
    case contextFull = "context"
    /// The receiver of the tokens asked to stop.
    case receiver
}

/// The continuation of one prompt.
public struct GeneratedSequence: Sendable {
    /// The new tokens, without the stop token.
    public let tokens: [Int32]
    /// Why there are no more.
    public let reason: FinishReason
}
