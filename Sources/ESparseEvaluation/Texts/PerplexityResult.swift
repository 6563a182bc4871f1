// A measured perplexity.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Perplexity of a token stream by the field's convention (Frantar and Alistarh, SparseGPT; Sun et al., Wanda): consecutive
/// windows without overlap, the tail dropped, `exp` of the mean over windows of each window's mean loss.
public struct PerplexityResult: Sendable, Equatable {
    /// Tokens of the whole text.
    public let tokenCount: Int
    /// Windows that were run.
    public let windowCount: Int
    /// Tokens of a window.
    public let sequenceLength: Int
    /// Mean over windows of the mean negative log-likelihood of a window's `sequenceLength - 1` predicted tokens, in nats.
    public let meanNegativeLogLikelihood: Double
    /// Wall time of the forward passes in seconds.
    public let seconds: Double

    /// Puts a result together.
    public init(
        tokenCount: Int, windowCount: Int, sequenceLength: Int, meanNegativeLogLikelihood: Double, seconds: Double
    ) {
        self.tokenCount = tokenCount
        self.windowCount = windowCount
        self.sequenceLength = sequenceLength
        self.meanNegativeLogLikelihood = meanNegativeLogLikelihood
        self.seconds = seconds
    }

    /// `exp` of the mean negative log-likelihood.
    public var perplexity: Double { exp(meanNegativeLogLikelihood) }

    /// Tokens run through the model per second.
    public var tokensPerSecond: Double { seconds > 0 ? Double(windowCount * sequenceLength) / seconds : 0 }
}
