// One question to a model, "how likely is this text after that text?", and how both texts are cut into tokens.

public import ESparseTokenizers

/// Asks how likely `continuation` is after `context`.
public struct LikelihoodRequest: Sendable, Equatable {
    /// Text before; may be empty.
    public let context: String
    /// Text whose likelihood is asked for; as a rule it starts with a space.
    public let continuation: String

    /// Puts a request together.
    public init(context: String, continuation: String) {
        self.context = context
        self.continuation = continuation
    }
}

/// A model's answer to a request.
public struct LikelihoodAnswer: Sendable, Equatable {
    /// Sum of the natural logarithms of the continuation's tokens' probabilities.
    public var logLikelihood: Double
    /// Whether each of them is the likeliest token in its place.
    public var isGreedy: Bool

    /// Puts an answer together.
    public init(logLikelihood: Double, isGreedy: Bool) {
        self.logLikelihood = logLikelihood
        self.isGreedy = isGreedy
    }
}

/// A request as tokens.
public struct EncodedRequest: Sendable, Equatable {
    /// What the model reads: context and continuation without its last token, at least as many as there are targets.
    public let inputs: [Int32]
    /// Tokens of the continuation; each follows one of the last `targets.count` inputs.
    public let targets: [Int32]
    /// Whether inputs at the beginning were cut off, because there were too many.
    public let isCut: Bool

    /// Describes a request whose last `targets.count` inputs predict `targets`.
    public init(inputs: [Int32], targets: [Int32], isCut: Bool = false) {
        precondition(!targets.isEmpty && inputs.count >= targets.count)
        self.inputs = inputs
        self.targets = targets
        self.isCut = isCut
    }

    /// Position of the input that the first target follows.
    var firstScoredPosition: Int { inputs.count - targets.count }
}

/// Why a request cannot be scored.
public enum RequestProblem: Error, Equatable, CustomStringConvertible {
    /// The tokenizer makes nothing of the continuation.
    case noTokens
    /// The continuation alone is longer than the model's context.
    case tooLong(tokens: Int, contextLength: Int)

    /// The end of a sentence about an item.
    public var description: String {
        switch self {
        case .noTokens: "a choice has no tokens of its own after the context; it must add some text"
        case .tooLong(let tokens, let length):
            "a choice has \(tokens) tokens, more than the model's context of \(length); use a model with a longer context"
        }
    }
}

extension Tokenizer {
    /// Cuts a request into tokens by the rule of lm-eval 0.4.10 (`_encode_pair`, `_loglikelihood_tokens`).
    ///
    /// White space at the context's end moves to the continuation. Context and continuation are encoded together, with the
    /// model's special tokens; the targets are the tokens after as many as the context alone has. An empty context becomes
    /// the beginning token, or the end token where there is none. What exceeds `contextLength` inputs is cut off at the
    /// beginning.
    /// - Throws: `RequestProblem`.
    public func encode(_ request: LikelihoodRequest, contextLength: Int) throws(RequestProblem) -> EncodedRequest {
        let end = request.context.endWithoutSpace
        let context = String(request.context[..<end])
        var tokens = context.isEmpty ? [] : encode(context)
        var targets: [Int32]
        if tokens.isEmpty {
            tokens = [beginningOfSequenceID ?? endOfSequenceID ?? 0]
            targets = encode(String(request.context[end...]) + request.continuation, addSpecialTokens: false)
            if targets.first == tokens.first { targets.removeFirst() }
        } else {
            targets = Array(encode(request.context + request.continuation).dropFirst(tokens.count))
        }
        guard !targets.isEmpty else { throw .noTokens }
        guard targets.count <= contextLength else {
            throw .tooLong(tokens: targets.count, contextLength: contextLength)
        }
        let inputs = (tokens + targets).dropLast()
        return EncodedRequest(
            inputs: Array(inputs.suffix(contextLength)), targets: targets, isCut: inputs.count > contextLength)
    }
}
