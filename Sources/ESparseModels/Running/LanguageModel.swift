// A whole model, ready to run: tokens in, logits or likelihoods out.

public import ESparseCore
public import FoundationEssentials

/// A language model with its weights on a backend.
///
/// The model is immutable; what a sequence has seen so far is in a `ModelCache`, so one model can serve many callers.
public struct LanguageModel<B: Backend>: Sendable {
    /// The model's shape.
    public let architecture: ModelArchitecture
    /// Where it runs.
    public let backend: B
    /// From tokens to the residual stream.
    package let embedding: TokenEmbedding<B>
    /// The decoder blocks, in the order in which they run.
    package let blocks: [DecoderBlock<B>]
    /// From the residual stream to logits.
    package let head: LanguageHead<B>

    /// Reads config.json and loads all weights.
    ///
    /// - Throws: `ModelError` when the configuration or a tensor is missing or wrong; errors of the source and the
    ///   backend; `InterruptedError`.
    public static func load(
        configuration: Data, weights: any WeightSource, backend: B,
        progress: any ProgressReporter = SilentProgress()
    ) throws -> LanguageModel {
        try load(
            architecture: ModelArchitecture(configuration: configuration, for: weights), weights: weights,
            backend: backend, progress: progress)
    }

    /// Loads all weights of a model of known shape.
    ///
    /// - Throws: as `load(configuration:weights:backend:progress:)`.
    public static func load(
        architecture: ModelArchitecture, weights: any WeightSource, backend: B,
        progress: any ProgressReporter = SilentProgress()
    ) throws -> LanguageModel {
        try architecture.validate(weights)
        let count = architecture.blockCount
        let blocks = try (0..<count).map { index in
            try Interruption.check()
            progress.report(stage: "Loading", completed: index, total: count, unit: "blocks")
            return try architecture.loadBlock(index, from: weights, onto: backend)
        }
        let model = LanguageModel(
            architecture: architecture, backend: backend,
            embedding: try architecture.loadEmbedding(from: weights, onto: backend), blocks: blocks,
            head: try architecture.loadHead(from: weights, onto: backend))
        progress.report(stage: "Loading", completed: count, total: count, unit: "blocks")
        return model
    }

    /// An empty cache for `sequenceCount` sequences of at most `capacity` tokens.
    ///
    /// - Throws: `ModelError.tooManyPositions` when the model has fewer positions; the backend's error when memory
    ///   cannot be had.
    public func makeCache(sequenceCount: Int, capacity: Int) throws -> ModelCache<B> {
        precondition(sequenceCount > 0 && capacity > 0)
        if let limit = architecture.positionLimit, capacity > limit {
            throw ModelError.tooManyPositions(needed: capacity, available: limit)
        }
        let description = architecture.cacheDescription(sequenceCount: sequenceCount, capacity: capacity)
        return ModelCache(
            try backend.makeCache(description), sequenceCount: sequenceCount, capacity: capacity)
    }

    /// The last block's output for the next tokens of some sequences, `[T, D]`, before the last norm.
    ///
    /// - Throws: `ModelError` when a token is outside the vocabulary, or a sequence outgrows the cache or the model's
    ///   positions; `InterruptedError`; the backend's error.
    public func hidden(
        _ tokens: [Int32], batch: TokenBatch, cache: inout ModelCache<B>
    ) throws -> B.Activation {
        var hidden = try embedding.embed(tokens, batch: batch)
        try cache.requireRoom(for: batch)
        try runBlocks(on: &hidden, batch: batch, storage: &cache.storage)
        cache.extend(by: batch)
        return hidden
    }

    /// Runs all blocks on the residual stream `[T, D]`; the cache has room.
    func runBlocks(
        on hidden: inout B.Activation, batch: TokenBatch, storage: inout B.KeyValueCache
    ) throws {
        for (layer, block) in blocks.enumerated() {
            try Interruption.check()
            try block.forward(hidden: &hidden, batch: batch, layer: layer, cache: &storage)
        }
    }

    /// Logits for the token after each segment of `batch`, `[segments, V]`.
    ///
    /// - Throws: as `hidden(_:batch:cache:)`.
    public func logits(
        _ tokens: [Int32], batch: TokenBatch, cache: inout ModelCache<B>
    ) throws -> B.Activation {
        let hidden = try hidden(tokens, batch: batch, cache: &cache)
        var end = 0
        let last = batch.segments.map { segment in
            end += segment.count
            return end - 1
        }
        return try head.logits(backend.rows(last, of: hidden))
    }

    /// `-ln p(token | all tokens before it)` for the tokens of each sequence from index `starts[i]` (by default 1) on.
    ///
    /// All sequences run as one batch, sequence `i` in slot `i` of `cache`, whose earlier contents are overwritten.
    /// Without a cache, one is made for this call.
    /// - Throws: `ModelError` when a sequence has no token to score, a token is outside the vocabulary, or a sequence is
    ///   longer than the cache or the model's positions; `InterruptedError`.
    public func negativeLogLikelihoods(
        of sequences: [[Int32]], from starts: [Int]? = nil, cache: inout ModelCache<B>
    ) throws -> [[Double]] {
        let starts = starts ?? Array(repeating: 1, count: sequences.count)
        precondition(starts.count == sequences.count && starts.allSatisfy { $0 >= 1 })
        var segments: [TokenBatch.Segment] = []
        var inputs: [Int32] = []
        var rows: [Int] = []
        var targets: [Int32] = []
        for (index, (sequence, start)) in zip(sequences, starts).enumerated() {
            guard sequence.count > start else {
                throw ModelError.tooFewTokens(needed: start + 1, found: sequence.count)
            }
            for token in sequence where token < 0 || Int(token) >= architecture.vocabularySize {
                throw ModelError.tokenOutsideVocabulary(token, vocabularySize: architecture.vocabularySize)
            }
            segments.append(TokenBatch.Segment(sequence: index, start: 0, count: sequence.count - 1))
            rows += (start - 1..<sequence.count - 1).map { inputs.count + $0 }
            targets += sequence[start...]
            inputs += sequence.dropLast()
        }
        guard !segments.isEmpty else { return [] }
        let hidden = try hidden(inputs, batch: TokenBatch(segments), cache: &cache)
        let needed = rows.count == inputs.count ? hidden : try backend.rows(rows, of: hidden)
        var losses = try head.likelihoods(of: targets, needed).map(\.negativeLogLikelihood)[...]
        return zip(sequences, starts).map { sequence, start in
            let count = sequence.count - start
            defer { losses = losses.dropFirst(count) }
            return Array(losses.prefix(count))
        }
    }

    /// As `negativeLogLikelihoods(of:from:cache:)`, with a cache made for this call.
    ///
    /// - Throws: the same, `ModelError.tooFewTokens` where no sequence has two, and the backend's error when memory for the cache
    ///   cannot be had.
    public func negativeLogLikelihoods(of sequences: [[Int32]], from starts: [Int]? = nil) throws -> [[Double]] {
        guard let longest = sequences.map(\.count).max() else { return [] }
        guard longest > 1 else { throw ModelError.tooFewTokens(needed: 2, found: longest) }
        var cache = try makeCache(sequenceCount: sequences.count, capacity: longest - 1)
        return try negativeLogLikelihoods(of: sequences, from: starts, cache: &cache)
    }
}
