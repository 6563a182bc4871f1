// The operations a CPU or GPU backend provides; the forward pass is written once, on this protocol.
//
// Dimension legend: T tokens of a batch, D hidden size, H attention heads, K key/value heads, S head size,
// V vocabulary, R output and C input channels of a linear.

/// How activations are normalised before a linear.
public enum NormalizationKind: String, Sendable, Codable {
    /// Root mean square (LLaMA): `x / sqrt(mean(x^2) + epsilon) * weight`.
    case rootMeanSquare
    /// Layer norm (OPT): `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
    case layer
}

/// Element-wise functions of feed-forward layers.
public enum ActivationFunction: String, Sendable, Codable {
    /// `x * sigmoid(x)`
    case silu
    /// `max(0, x)`
    case relu
    /// `x * Phi(x)` with the error function.
    case gelu
    /// The tanh approximation of `gelu`.
    case geluTanh
}

/// Which tokens a forward pass handles: the next tokens of one or more sequences, concatenated along T.
public struct TokenBatch: Sendable {
    /// The next tokens of one sequence.
    public struct Segment: Sendable {
        /// Slot of the sequence in the KV cache.
        public let sequence: Int
        /// Position of the segment's first token in its sequence; the cache holds `[0, start)` already.
        public let start: Int
        /// Number of tokens.
        public let count: Int
        /// Positions of the sequence when the text is read that these tokens belong to, at least `start + count`: where a prompt comes in
        /// pieces, all of it. Chooses between rotary frequencies where an attention has those of long sequences.
        public let textLength: Int

        /// Describes the next `count` tokens of a sequence; `textLength` nil means that they end a text.
        public init(sequence: Int, start: Int, count: Int, textLength: Int? = nil) {
            precondition(sequence >= 0 && start >= 0 && count > 0)
            self.sequence = sequence
            self.start = start
            self.count = count
            self.textLength = textLength ?? start + count
            precondition(self.textLength >= start + count, "a text has more tokens than its length")
        }
    }

    /// The segments, in the order of their tokens; no sequence appears twice.
    public let segments: [Segment]
    /// T: tokens of all segments.
    public let tokenCount: Int

    /// Concatenates segments.
    public init(_ segments: [Segment]) {
        precondition(Set(segments.map(\.sequence)).count == segments.count, "a sequence appears twice in a batch")
        self.segments = segments
        tokenCount = segments.reduce(0) { $0 + $1.count }
    }

    /// One whole sequence from its start, in slot 0.
    public static func wholeSequence(_ count: Int) -> TokenBatch {
        TokenBatch([Segment(sequence: 0, start: 0, count: count)])
    }

    /// Position of every token in its sequence, `[T]`.
    public var positions: [Int] {
        segments.flatMap { $0.start..<($0.start + $0.count) }
    }
}

/// Size of a KV cache.
public struct CacheDescription: Sendable {
    /// Decoder blocks that have an entry.
    public let layerCount: Int
    /// Sequences held side by side.
    public let sequenceCount: Int
    /// Positions of each sequence.
    public let capacity: Int
    /// K: key/value heads.
    public let keyValueHeadCount: Int
    /// S: channels of a head.
    public let headSize: Int

    /// Describes a cache.
    public init(layerCount: Int, sequenceCount: Int, capacity: Int, keyValueHeadCount: Int, headSize: Int) {
        self.layerCount = layerCount
        self.sequenceCount = sequenceCount
        self.capacity = capacity
        self.keyValueHeadCount = keyValueHeadCount
        self.headSize = headSize
    }

    /// Sequences of this capacity that may run side by side, from 1 to 64: as many as keep the cache within 4 GiB, counted in
    /// single precision.
    public var sideBySideCount: Int {
        let elements = 2 * layerCount * capacity * keyValueHeadCount * headSize
        return min(64, max(1, (4 << 30) / (elements * MemoryLayout<Float>.size)))
    }

    /// A cache of the same sequences with one layer, for running one decoder block alone.
    public var singleLayer: CacheDescription {
        CacheDescription(
            layerCount: 1, sequenceCount: sequenceCount, capacity: capacity, keyValueHeadCount: keyValueHeadCount,
            headSize: headSize)
    }
}

/// Runs models: weights are *prepared* once, then operations run on activations that stay in the backend's memory.
///
/// Activations are row-major `[T, channels]` and single precision to the caller; a backend may hold the inputs of products in
/// 16 bits. Operations are synchronous and deterministic: results do not depend on the number of threads. A size that does
/// not fit is a programming error and traps; sizes from files are checked before they get here. Where an operation throws, the device failed, most often for want of memory.
/// Every operation of every backend is tested against `ReferenceBackend`.
public protocol Backend: Sendable {
    /// Values of all tokens of a batch, `[T, channels]`.
    associatedtype Activation
    /// A linear layer `y = x W^T + b`, ready to run.
    associatedtype PreparedLinear: Sendable
    /// A normalisation with its output order.
    associatedtype PreparedNormalization: Sendable
    /// A table of rows to look up.
    associatedtype PreparedEmbedding: Sendable
    /// An attention's constants.
    associatedtype PreparedAttention: Sendable
    /// Keys and values of past tokens.
    associatedtype KeyValueCache

    /// Prepares a linear: weight `[R, C]`, bias `[R]`.
    ///
    /// - Throws: when an element type is not supported or memory cannot be had.
    func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> PreparedLinear
    /// Prepares a normalisation over `size` channels; output channel `j` is channel `permutation.order[j]`. `weight` nil means 1,
    /// `bias` nil 0.
    func prepareNormalization(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws -> PreparedNormalization
    /// Prepares a table `[rows, channels]` whose rows are multiplied by `scale` when they are looked up.
    func prepareEmbedding(_ table: Tensor, scale: Float) throws -> PreparedEmbedding
    /// Prepares an attention.
    func prepareAttention(_ description: AttentionDescription) throws -> PreparedAttention
    /// Makes an empty cache.
    func makeCache(_ description: CacheDescription) throws -> KeyValueCache

    /// Copies host values `[T, channels]` in.
    func activation(_ values: [Float], channels: Int) throws -> Activation
    /// Makes an activation `[T, channels]` from the values that `fill` writes, row-major; it must write all of them.
    func activation(
        tokens: Int, channels: Int, fill: (inout MutableSpan<Float>) throws -> Void
    ) throws -> Activation
    /// Copies values out, row-major.
    func floats(of activation: Activation) throws -> [Float]
    /// Calls `body` with the values on the host, row-major, without a copy where the backend's memory is the host's.
    func withFloats<Result>(of activation: Activation, _ body: (Span<Float>) throws -> Result) throws -> Result

    /// Rows `indices` of the table times its scale, those of the tokens that a pass reads: `[indices.count, channels]`.
    func embed(_ indices: [Int32], in table: PreparedEmbedding) throws -> Activation
    /// `hidden += table[position + offset]`, times the table's scale, for every token's position in its sequence, `[T, D]`.
    func addPositions(
        of batch: TokenBatch, offset: Int, from table: PreparedEmbedding, to hidden: inout Activation) throws
    /// `x` `[T, n * size]` with every run of the normalisation's `size` channels normalised on its own (n = H for norms of heads). Only
    /// where n is 1 may there be a permutation.
    func normalize(_ input: Activation, with normalization: PreparedNormalization) throws -> Activation
    /// `x W^T + b`, `[T, R]`.
    func multiply(_ input: Activation, by linear: PreparedLinear) throws -> Activation
    /// Logits `x W^T + b`, `[T, R]`, always in single precision, so that rounding does not make them equal. With a `softCap` a logit becomes
    /// `softCap * tanh(logit / softCap)` (Gemma 2).
    func logits(_ input: Activation, by head: PreparedLinear, softCap: Float?) throws -> Activation
    /// `residual += x W^T + b`.
    func multiply(_ input: Activation, by linear: PreparedLinear, addingTo residual: inout Activation) throws
    /// Appends keys and values `[T, K * S]` of `batch` to layer `layer` of the cache, with rotary positions applied to
    /// queries `[T, H * S]` and keys, and returns causal attention within the window, `[T, H * S]` in the prepared output order.
    func attend(
        query: Activation, key: Activation, value: Activation, batch: TokenBatch, layer: Int,
        with attention: PreparedAttention, cache: inout KeyValueCache
    ) throws -> Activation
    /// `function(gate) * up`, `[T, channels]`.
    func gate(_ gate: Activation, _ up: Activation, function: ActivationFunction) throws -> Activation
    /// `function(x)`.
    func apply(_ function: ActivationFunction, to input: Activation) throws -> Activation
    /// `accumulator += addend`.
    func add(_ addend: Activation, to accumulator: inout Activation) throws
    /// Rows `indices` of an activation, `[indices.count, channels]`; used to keep the last token of each sequence.
    func rows(_ indices: [Int], of activation: Activation) throws -> Activation
    /// `-ln softmax(logits)[target]` for every row, and whether the target is the likeliest token, without keeping all the logits, which
    /// are those of `logits(_:by:softCap:)`; `[T]` in double precision.
    func likelihoods(
        of targets: [Int32], hidden: Activation, head: PreparedLinear, softCap: Float?
    ) throws -> [TargetLikelihood]

    /// A token for each row of `logits` `[T, V]` with a random number in `[0, 1)` for each, `[T]`; -1 where a logit is NaN or the largest
    /// is infinite. nil where the backend leaves drawing to its caller.
    func drawTokens(from logits: Activation, by rule: SamplingRule, uniforms: [Double]) throws -> [Int32]?
    /// A faster way to run decoding steps than operation by operation; nil where the backend has none.
    func makeDecoder(_ rule: SamplingRule) throws -> (any TokenDecoder<Self>)?
}

/// How likely a token is under a model.
public struct TargetLikelihood: Sendable, Equatable {
    /// `-ln p(target)`, in nats.
    public let negativeLogLikelihood: Double
    /// Whether no other token of the vocabulary has a larger logit.
    public let isGreedy: Bool

    /// Puts a likelihood together.
    public init(negativeLogLikelihood: Double, isGreedy: Bool) {
        self.negativeLogLikelihood = negativeLogLikelihood
        self.isGreedy = isGreedy
    }
}
