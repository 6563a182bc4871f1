// The synchronous core of generation: requests side by side in one KV cache, step by step.

package import ESparseCore
package import ESparseModels

/// Requests that a model continues side by side.
///
/// Each step is one forward pass over the next tokens of the requests, slot by slot until the pass is full: a piece of the prompt for
/// those that still read theirs, the last drawn token for the others. A long prompt holds up the slots behind it. Requests join and leave between steps. What a request draws does not depend on its neighbours.
package struct GenerationBatch<B: Backend> {
    /// A request's name, chosen by whoever lets it join.
    package typealias ID = Int
    /// What a step did to a request.
    package typealias Outcome = (id: ID, event: Result<GenerationEvent, ModelError>)

    private let model: LanguageModel<B>
    private let chunkSize: Int
    /// The requests by their slot in the cache; nil where a slot is free.
    private var slots: [Slot?]
    /// Made for the first request, and again when a larger one joins.
    private var place: Place?
    /// Positions that the next cache has at the least: what those who wait will need.
    package var leastCapacity = 1

    /// Where the requests run.
    private struct Place {
        var cache: ModelCache<B>
        var drawing: TokenDrawing<B>
    }

    /// A request that runs.
    private struct Slot {
        let id: ID
        let request: GenerationRequest
        /// Positions that it may fill.
        let capacity: Int
        var sampler: Sampler
        /// Tokens that the model has not read yet: the rest of the prompt, or the last token drawn.
        var pending: ArraySlice<Int32>
        /// Tokens drawn, where the text may have to be read anew.
        var drawn: [Int32] = []
        /// Tokens that the model has read.
        var position = 0
        /// Tokens drawn.
        var count = 0
    }

    /// A batch for at most `slotCount` requests, of which a step reads at most `chunkSize` tokens.
    package init(model: LanguageModel<B>, slotCount: Int, chunkSize: Int = TokenBatch.passTokens) {
        precondition(slotCount > 0 && chunkSize > 0)
        self.model = model
        self.chunkSize = chunkSize
        slots = Array(repeating: nil, count: slotCount)
    }

    /// Whether no request runs.
    package var isEmpty: Bool { slots.allSatisfy { $0 == nil } }
    /// Whether another request could join, were it not too large for the cache.
    package var hasFreeSlot: Bool { slots.contains { $0 == nil } }

    /// Lets a request join from the next step on.
    ///
    /// - Returns: false where it must wait: no slot is free, or the cache has too few positions for it while others use it.
    /// - Throws: `ModelError` for a request that the model cannot run; the backend's error when memory for the cache cannot be had.
    package mutating func join(_ request: GenerationRequest, id: ID) throws -> Bool {
        let capacity = try request.positions(in: model.architecture)
        guard let slot = slots.firstIndex(where: { $0 == nil }) else { return false }
        if place.map({ $0.cache.capacity < capacity }) ?? true {
            guard isEmpty else { return false }
            // The old cache goes first: memory need not hold both.
            place = nil
            place = Place(
                cache: try model.makeCache(sequenceCount: slots.count, capacity: max(capacity, leastCapacity)),
                drawing: TokenDrawing(model: model))
        }
        slots[slot] = Slot(
            id: id, request: request, capacity: capacity,
            sampler: Sampler(
                request.sampling, random: SeededRandom(seed: request.seed, stream: request.stream)),
            pending: request.prompt[...])
        return true
    }

    /// Ends a request, if it runs.
    package mutating func leave(_ id: ID) {
        for slot in slots.indices where slots[slot]?.id == id { slots[slot] = nil }
    }

    /// One forward pass, and one drawn token for each request that has read its prompt.
    ///
    /// - Returns: what happened, by slot; a request whose event is `finished` or an error has left.
    /// - Throws: `InterruptedError`; the backend's error. No request can go on after it: all have left.
    package mutating func step() throws -> [Outcome] {
        do {
            try Interruption.check()
            return try advance()
        } catch {
            slots = Array(repeating: nil, count: slots.count)
            // What a failed pass left in the cache, and in what a decoder recorded, is not known.
            place = nil
            throw error
        }
    }

    private mutating func advance() throws -> [Outcome] {
        guard !isEmpty, var place else { return [] }
        self.place = nil
        var tokens: [Int32] = []
        var segments: [TokenBatch.Segment] = []
        var lastRows: [Int] = []
        var ready: [Int] = []
        for index in slots.indices {
            guard var slot = slots[index], tokens.count < chunkSize else { continue }
            let piece = slot.pending.prefix(chunkSize - tokens.count)
            segments.append(
                TokenBatch.Segment(
                    sequence: index, start: slot.position, count: piece.count,
                    textLength: slot.position + slot.pending.count))
            tokens += piece
            slot.position += piece.count
            slot.pending = slot.pending.dropFirst(piece.count)
            if slot.pending.isEmpty {
                lastRows.append(tokens.count - 1)
                ready.append(index)
            }
            slots[index] = slot
        }
        var samplers = ready.compactMap { slots[$0]?.sampler }
        let drawn = try place.drawing.draw(
            after: lastRows, of: tokens, batch: TokenBatch(segments), samplers: &samplers, cache: &place.cache)
        self.place = place
        for (index, sampler) in zip(ready, samplers) { slots[index]?.sampler = sampler }
        return zip(ready, drawn).flatMap { index, token in take(token, into: index) }
    }

    /// What a drawn token means for the request in a slot.
    private mutating func take(
        _ token: Int32?, into index: Int
    ) -> [Outcome] {
        guard var slot = slots[index] else { return [] }
        var events: [Outcome] = []
        func end(_ event: Result<GenerationEvent, ModelError>) {
            events.append((slot.id, event))
            slots[index] = nil
        }
        guard let token else {
            end(.failure(.logitsNotFinite))
            return events
        }
        if slot.request.stopTokens.contains(token) {
            end(.success(.finished(.stopToken)))
            return events
        }
        events.append((slot.id, .success(.token(token))))
        slot.count += 1
        if slot.count >= slot.request.maximumTokens {
            end(.success(.finished(.maximumTokens)))
        } else if slot.position >= slot.capacity {
            end(.success(.finished(.contextFull)))
        } else {
            slot.pending = [token]
            if let length = model.architecture.shortTextLength {
                slot.drawn.append(token)
                // Keys in the cache are those of a short text. As transformers' Phi-3 does, the text is read anew once it is long; in
                // all families, because the logits would depend on where the prompt ended otherwise.
                if slot.position == length {
                    slot.pending = (slot.request.prompt + slot.drawn)[...]
                    slot.position = 0
                }
            }
            slots[index] = slot
        }
        return events
    }
}
