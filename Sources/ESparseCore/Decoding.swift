// Optional shortcuts of a backend: drawing tokens where the logits are, and running whole decoding steps.

/// How the next token is drawn from logits: temperature, then top-k, then top-p, as in transformers. The caller has checked the settings.
public struct SamplingRule: Sendable, Hashable {
    /// Divides the logits; 0 always takes the likeliest token, of equals the one with the lowest id.
    public let temperature: Float
    /// Keeps the k likeliest tokens (and any as likely as the k-th), k >= 1; nil keeps all.
    public let topK: Int?
    /// Keeps the likeliest tokens whose probabilities together reach p, in `(0, 1]`; nil keeps all.
    public let topP: Float?

    /// Puts a rule together.
    public init(temperature: Float, topK: Int? = nil, topP: Float? = nil) {
        precondition(temperature >= 0 && temperature.isFinite, "a temperature is a number from 0 up")
        precondition((topK ?? 1) >= 1 && (topP ?? 1) > 0 && (topP ?? 1) <= 1, "a filter keeps something")
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
    }
}

/// Runs decoding steps: each sequence reads one token and draws the next.
///
/// It belongs to one model, one rule, and one KV cache at a time; other passes may run between two steps.
public protocol TokenDecoder<Place> {
    /// The backend that runs the steps.
    associatedtype Place: Backend

    /// Runs one step and returns the tokens drawn, `[T]`; -1 where a logit was NaN or the largest was infinite.
    ///
    /// - Parameters:
    ///   - tokens: what the sequences read, `[T]`.
    ///   - batch: T segments of one token each, for which `cache` has room.
    ///   - uniforms: a random number in `[0, 1)` for each sequence, `[T]`; not used where the temperature is 0.
    ///   - cache: keys and values of earlier tokens; those of this step are appended.
    ///   - forward: the operations from these tokens to their logits `[T, V]`. They depend on nothing but `tokens` and `batch`, because
    ///     a step may be another one's operations, repeated on its own tokens and positions without calling this.
    /// - Throws: what `forward` throws; the backend's error.
    func step(
        _ tokens: [Int32], batch: TokenBatch, uniforms: [Double], cache: inout Place.KeyValueCache,
        forward: (inout Place.KeyValueCache) throws -> Place.Activation
    ) throws -> [Int32]
}

extension Backend {
    /// Backends draw no tokens unless they say so.
    public func drawTokens(from logits: Activation, by rule: SamplingRule, uniforms: [Double]) throws -> [Int32]? {
        nil
    }

    /// Steps of decoding are operations one by one unless a backend says otherwise.
    public func makeDecoder(_ rule: SamplingRule) throws -> (any TokenDecoder<Self>)? { nil }

    /// By a lookup and a sum.
    public func addPositions(
        of batch: TokenBatch, offset: Int, from table: PreparedEmbedding, to hidden: inout Activation
    ) throws {
        try add(embed(batch.positions.map { Int32($0 + offset) }, in: table), to: &hidden)
    }
}
