// What an attention computes: heads, scores, windows and rotary positions.

/// Shape, scores and positions of a multi-head attention with grouped queries.
public struct AttentionDescription: Sendable {
    /// H: query heads.
    public let headCount: Int
    /// K: key/value heads; divides `headCount`.
    public let keyValueHeadCount: Int
    /// S: channels of a head.
    public let headSize: Int
    /// Multiplies the scores, `1 / sqrt(S)` as a rule.
    public let scale: Float
    /// Scaled scores become `softCap * tanh(score / softCap)` before softmax (Gemma 2); nil leaves them as they are.
    public let softCap: Float?
    /// A query at position p attends to positions `p - window + 1 ... p`, as `sliding_window` of transformers; nil means all up to p.
    public let window: Int?
    /// Rotary frequencies (radians per position), `[F]` with F up to S / 2, applied to channel pairs `(i, i + F)` as Hugging Face does;
    /// channels from 2 F on are not turned. nil for models with learned positions.
    public let rotaryFrequencies: [Float]?
    /// Multiplies the cosines and sines, and so the turned channels of queries and keys: `attention_scaling` of transformers (yarn,
    /// longrope).
    public let rotaryScale: Float
    /// Frequencies that take the place of `rotaryFrequencies` in long sequences (longrope); nil where length changes nothing.
    public let longRotary: LongRotary?
    /// Order in which the output channels `[H * S]` are written; nil is the original order.
    public private(set) var outputPermutation: Permutation?

    /// Describes an attention; the caller has checked that the sizes divide.
    public init(
        headCount: Int, keyValueHeadCount: Int, headSize: Int, scale: Float, softCap: Float? = nil, window: Int? = nil,
        rotaryFrequencies: [Float]?, rotaryScale: Float = 1, longRotary: LongRotary? = nil,
        outputPermutation: Permutation?
    ) {
        precondition(headCount > 0 && keyValueHeadCount > 0 && headCount % keyValueHeadCount == 0)
        precondition(rotaryFrequencies.map { $0.count * 2 <= headSize } ?? true)
        precondition(
            longRotary.map { $0.frequencies.count == rotaryFrequencies?.count } ?? true,
            "long sequences turn the same channels as short ones")
        precondition((window ?? 1) > 0 && (softCap ?? 1) > 0, "a window has positions, and a cap is above 0")
        self.headCount = headCount
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
        self.scale = scale
        self.softCap = softCap
        self.window = window
        self.rotaryFrequencies = rotaryFrequencies
        self.rotaryScale = rotaryScale
        self.longRotary = longRotary
        self.outputPermutation = outputPermutation
    }

    /// The same attention with its outputs in another order.
    public func writing(_ order: Permutation?) -> AttentionDescription {
        var attention = self
        attention.outputPermutation = order
        return attention
    }

    /// The first position that a query at `position` attends to.
    package func firstVisible(from position: Int) -> Int {
        window.map { max(0, position - $0 + 1) } ?? 0
    }
}

/// Rotary frequencies for sequences longer than a model was first trained on (LongRoPE, arXiv 2402.13753, as in Phi-3).
///
/// Each call of `attend` chooses by the length of every sequence in its batch (`TokenBatch.Segment.textLength`). Keys that are in the cache
/// keep the frequencies they were turned by, so where a sequence outgrows `afterPositions` while it is continued, its earlier keys are
/// those of a short one, as in transformers' caches.
public struct LongRotary: Sendable, Hashable {
    /// Radians per position, as many as there are for short sequences.
    public let frequencies: [Float]
    /// Sequences of more positions than this use them.
    public let afterPositions: Int

    /// Puts frequencies together with the length from which they hold.
    public init(frequencies: [Float], afterPositions: Int) {
        precondition(afterPositions >= 0)
        self.frequencies = frequencies
        self.afterPositions = afterPositions
    }
}
