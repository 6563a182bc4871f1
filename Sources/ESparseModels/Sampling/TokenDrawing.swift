// A forward pass and the tokens drawn after it: on the backend where that can, else on the host.

package import ESparseCore

/// Draws the next tokens of a model's sequences, each by its own rule; belongs to one KV cache.
package struct TokenDrawing<B: Backend> {
    private let model: LanguageModel<B>
    /// What the backend runs decoding steps of one rule with, nil where it has nothing better than its operations.
    private var decoders: [SamplingRule: (any TokenDecoder<B>)?] = [:]

    /// Rules that decoders are kept for at most: requests with ever new temperatures must not gather them without end.
    private static var mostDecoders: Int { 8 }

    /// Draws from `model`'s logits.
    package init(model: LanguageModel<B>) { self.model = model }

    /// Runs the next tokens of some sequences and draws a token after each of `rows`, `[rows.count]`; nil where the logits are no
    /// finite numbers.
    ///
    /// What a row draws does not depend on the other rows.
    /// - Parameters:
    ///   - rows: rows of the batch, in `[0, T)`; usually the last of each sequence. There may be none.
    ///   - samplers: rule and random stream of each of `rows`; each stream goes one number further.
    /// - Throws: as `LanguageModel.hidden`; the backend's error.
    package mutating func draw(
        after rows: [Int], of tokens: [Int32], batch: TokenBatch, samplers: inout [Sampler],
        cache: inout ModelCache<B>
    ) throws -> [Int32?] {
        precondition(samplers.count == rows.count, "a sampler is needed for every row")
        let isStep = rows.count == batch.tokenCount && batch.segments.count == batch.tokenCount
        if isStep, let rule = samplers.first?.rule, samplers.allSatisfy({ $0.rule == rule }),
            let decoder = try decoder(for: rule)
        {
            try model.embedding.check(tokens, batch: batch)
            try cache.requireRoom(for: batch)
            let drawn = try decoder.step(
                tokens, batch: batch, uniforms: samplers.indices.map { samplers[$0].nextUniform() },
                cache: &cache.storage
            ) { [model] storage in
                var hidden = try model.embedding.embed(tokens, batch: batch)
                try model.runBlocks(on: &hidden, batch: batch, storage: &storage)
                return try model.head.logits(hidden)
            }
            cache.extend(by: batch)
            return drawn.map { $0 >= 0 ? $0 : nil }
        }
        let hidden = try model.hidden(tokens, batch: batch, cache: &cache)
        guard !rows.isEmpty else { return [] }
        let logits = try model.head.logits(model.backend.rows(rows, of: hidden))
        let uniforms = samplers.indices.map { samplers[$0].nextUniform() }
        return try drawOnBackend(from: logits, by: samplers.map(\.rule), uniforms: uniforms)
            ?? drawOnHost(from: logits, by: samplers, uniforms: uniforms)
    }

    private mutating func decoder(for rule: SamplingRule) throws -> (any TokenDecoder<B>)? {
        if let decoder = decoders[rule] { return decoder }
        if decoders.count >= Self.mostDecoders { decoders.removeAll() }
        let decoder = try model.backend.makeDecoder(rule)
        decoders[rule] = .some(decoder)
        return decoder
    }

    /// A token for each row of `logits` `[rows, V]`, rule by rule; nil where the backend does not draw.
    private func drawOnBackend(
        from logits: B.Activation, by rules: [SamplingRule], uniforms: [Double]
    ) throws -> [Int32?]? {
        var drawn = [Int32?](repeating: nil, count: rules.count)
        for rule in Set(rules) {
            let rows = rules.indices.filter { rules[$0] == rule }
            let own = rows.count == rules.count ? logits : try model.backend.rows(rows, of: logits)
            guard
                let tokens = try model.backend.drawTokens(from: own, by: rule, uniforms: rows.map { uniforms[$0] })
            else { return nil }
            for (row, token) in zip(rows, tokens) where token >= 0 { drawn[row] = token }
        }
        return drawn
    }

    private func drawOnHost(
        from logits: B.Activation, by samplers: [Sampler], uniforms: [Double]
    ) throws -> [Int32?] {
        let vocabularySize = model.architecture.vocabularySize
        return try model.backend.withFloats(of: logits) { values in
            samplers.indices.map { row in
                let range = row * vocabularySize..<(row + 1) * vocabularySize
                return try? samplers[row].choose(from: values.extracting(range), uniform: uniforms[row])
            }
        }
    }
}

extension TokenBatch {
    /// Tokens of one forward pass of generation at most: enough for the fastest kernels.
    package static let passTokens = 512
}
