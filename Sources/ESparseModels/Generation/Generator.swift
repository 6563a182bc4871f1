// Text generation: many sequences at once, each with its own place in the KV cache and its own random stream.

public import ESparseCore

/// Continues texts with a model.
///
/// Every forward pass takes the next tokens of all running sequences: a chunk of the prompt for those that still read
/// theirs, the last drawn token for the others. A sequence that ends makes room for the next request.
public struct Generator<B: Backend> {
    private let model: LanguageModel<B>
    private let settings: GenerationSettings

    /// Generates with `model`.
    public init(model: LanguageModel<B>, settings: GenerationSettings) {
        self.model = model
        self.settings = settings
    }

    /// The model's beginning-of-sequence token.
    var beginToken: Int32? { model.architecture.beginToken }
    /// The most positions the model has, if they are limited.
    var positionLimit: Int? { model.architecture.positionLimit }

    /// Continues every request, at most `batchSize` (by default all) at a time.
    ///
    /// - Parameters:
    ///   - requests: the prompts and how many tokens to add to each.
    ///   - batchSize: the most sequences side by side; nil runs all at once.
    ///   - onToken: receives each token as it is drawn, with the index of its request; false ends that sequence.
    /// - Returns: one sequence for each request, in their order.
    /// - Throws: `ModelError` when a prompt is empty, outside the vocabulary or longer than the model's positions;
    ///   `InterruptedError`; what `onToken` throws.
    public func generate(
        _ requests: [GenerationRequest], batchSize: Int? = nil, onToken: ((Int, Int32) throws -> Bool)? = nil
    ) throws -> [GeneratedSequence] {
        guard !requests.isEmpty else { return [] }
        var results = [GeneratedSequence?](repeating: nil, count: requests.count)
        var next = 0
        try run(
            slotCount: max(1, min(batchSize ?? requests.count, requests.count)), capacity: try capacity(for: requests),
            nextRequest: {
                guard next < requests.count else { return nil }
                defer { next += 1 }
                return requests[next]
            },
            onToken: { try onToken?($0, $1) ?? true },
            onFinish: { results[$0] = $1 })
        return results.compactMap { $0 }
    }

    /// Positions of the cache: what the longest request needs, or what the model has.
    private func capacity(for requests: [GenerationRequest]) throws -> Int {
        var capacity = 1
        for request in requests {
            guard !request.prompt.isEmpty else { throw ModelError.tooFewTokens(needed: 1, found: 0) }
            guard request.maximumTokens >= 1 else {
                throw ModelError.invalidOption(
                    "the number of new tokens", value: "\(request.maximumTokens)", requirement: "at least 1")
            }
            // The last token drawn is never read by the model.
            let (needed, overflow) = request.prompt.count.addingReportingOverflow(request.maximumTokens - 1)
            let limit = model.architecture.positionLimit ?? Settings.Limit.positions
            guard request.prompt.count <= limit else {
                throw ModelError.tooManyPositions(needed: request.prompt.count, available: limit)
            }
            capacity = max(capacity, overflow ? limit : min(needed, limit))
        }
        return capacity
    }

    /// A running sequence.
    fileprivate struct Slot {
        let request: Int
        let maximumTokens: Int
        var sampler: Sampler
        /// Tokens that the model has not read yet; the rest of the prompt, or the last token drawn.
        var pending: ArraySlice<Int32>
        /// Tokens that the model has read.
        var position = 0
        var tokens: [Int32] = []
    }

    /// Runs requests until `nextRequest` gives none and all slots are empty.
    ///
    /// - Parameters:
    ///   - nextRequest: gives the next request when a slot is free.
    ///   - onToken: receives request index and token; false ends the sequence.
    ///   - onFinish: receives request index and the finished sequence.
    func run(
        slotCount: Int, capacity: Int, nextRequest: () -> GenerationRequest?,
        onToken: (Int, Int32) throws -> Bool, onFinish: (Int, GeneratedSequence) throws -> Void = { _, _ in }
    ) throws {
        let drawing = try TokenDrawing(model: model, settings: settings.sampling)
        var cache = try model.makeCache(sequenceCount: slotCount, capacity: capacity)
        var slots = [Slot?](repeating: nil, count: slotCount)
        var requestCount = 0
        while true {
            try Interruption.check()
            for index in slots.indices where slots[index] == nil {
                guard let request = nextRequest() else { break }
                slots[index] = Slot(
                    request: requestCount, maximumTokens: request.maximumTokens,
                    sampler: Sampler(
                        settings.sampling,
                        random: SeededRandom(seed: settings.seed, stream: UInt64(requestCount))),
                    pending: request.prompt[...])
                requestCount += 1
            }
            guard slots.contains(where: { $0 != nil }) else { return }
            try step(&slots, &cache, drawing, onToken: onToken, onFinish: onFinish)
        }
    }

    /// One forward pass over the next tokens of all slots, and one drawn token for each that has read its prompt.
    private func step(
        _ slots: inout [Slot?], _ cache: inout ModelCache<B>, _ drawing: TokenDrawing<B>,
        onToken: (Int, Int32) throws -> Bool, onFinish: (Int, GeneratedSequence) throws -> Void
    ) throws {
        var tokens: [Int32] = []
        var segments: [TokenBatch.Segment] = []
        var lastRows: [Int] = []
        var ready: [Int] = []
        for index in slots.indices {
            guard var slot = slots[index], tokens.count < settings.chunkSize else { continue }
            let chunk = slot.pending.prefix(settings.chunkSize - tokens.count)
            segments.append(TokenBatch.Segment(sequence: index, start: slot.position, count: chunk.count))
            tokens += chunk
            slot.position += chunk.count
            slot.pending = slot.pending.dropFirst(chunk.count)
            if slot.pending.isEmpty {
                lastRows.append(tokens.count - 1)
                ready.append(index)
            }
            slots[index] = slot
        }
        var samplers = ready.compactMap { slots[$0]?.sampler }
        let drawn = try drawing.draw(
            after: lastRows, of: tokens, batch: TokenBatch(segments), samplers: &samplers, cache: &cache)
        for (index, sampler) in zip(ready, samplers) { slots[index]?.sampler = sampler }
        for (index, token) in zip(ready, drawn) {
            guard let reason = try slots[index]?.take(token, settings, cache.capacity, onToken) else { continue }
            if let slot = slots[index] {
                slots[index] = nil
                try onFinish(slot.request, GeneratedSequence(tokens: slot.tokens, reason: reason))
            }
        }
    }
}

extension Generator.Slot {
    /// Adds a drawn token; tells why the sequence ends, if it does.
    fileprivate mutating func take(
        _ token: Int32, _ settings: GenerationSettings, _ capacity: Int, _ onToken: (Int, Int32) throws -> Bool
    ) throws -> FinishReason? {
        if settings.stopTokens.contains(token) { return .stopToken }
        tokens.append(token)
        guard try onToken(request, token) else { return .receiver }
        if tokens.count >= maximumTokens { return .maximumTokens }
        if position >= capacity { return .contextFull }
        pending = [token]
        return nil
    }
}
