// A forward pass and the tokens drawn after it: on the backend where that can, else on the host.

package import ESparseCore

/// Draws the next tokens of a model's sequences, all by the same settings.
package struct TokenDrawing<B: Backend> {
    private let model: LanguageModel<B>
    private let rule: SamplingRule
    private let decoder: (any TokenDecoder<B>)?

    /// Draws by `settings`; of use with one cache at a time.
    ///
    /// - Throws: the backend's error.
    package init(model: LanguageModel<B>, settings: SamplingSettings) throws {
        self.model = model
        rule = settings.rule
        decoder = try model.backend.makeDecoder(rule)
    }

    /// Runs the next tokens of some sequences and draws a token after each of `rows`, `[rows.count]`.
    ///
    /// - Parameters:
    ///   - rows: rows of the batch, in `[0, T)`; usually the last of each sequence. There may be none.
    ///   - samplers: the random stream of each of `rows`; each goes one token further.
    /// - Throws: as `LanguageModel.hidden`, and `ModelError.logitsNotFinite`; the backend's error.
    package func draw(
        after rows: [Int], of tokens: [Int32], batch: TokenBatch, samplers: inout [Sampler],
        cache: inout ModelCache<B>
    ) throws -> [Int32] {
        precondition(samplers.count == rows.count, "a sampler is needed for every row")
        let isStep = rows.count == batch.tokenCount && batch.segments.count == batch.tokenCount
        if isStep, let decoder {
            try model.embedding.check(tokens, batch: batch)
            try cache.requireRoom(for: batch)
            let drawn = try decoder.step(
                tokens, batch: batch, uniforms: samplers.indices.map { samplers[$0].nextUniform() },
                cache: &cache.storage
            ) { storage in
                var hidden = try model.embedding.embed(tokens, batch: batch)
                try model.runBlocks(on: &hidden, batch: batch, storage: &storage)
                return model.head.logits(hidden)
            }
            cache.extend(by: batch)
            return try checked(drawn)
        }
        let hidden = try model.hidden(tokens, batch: batch, cache: &cache)
        guard !rows.isEmpty else { return [] }
        let logits = model.head.logits(model.backend.rows(rows, of: hidden))
        let uniforms = samplers.indices.map { samplers[$0].nextUniform() }
        if let drawn = model.backend.drawTokens(from: logits, by: rule, uniforms: uniforms) {
            return try checked(drawn)
        }
        let vocabularySize = model.architecture.vocabularySize
        return try model.backend.withFloats(of: logits) { values in
            try samplers.indices.map { row in
                let range = row * vocabularySize..<(row + 1) * vocabularySize
                return try samplers[row].choose(from: values.extracting(range), uniform: uniforms[row])
            }
        }
    }

    private func checked(_ drawn: [Int32]) throws -> [Int32] {
        guard drawn.allSatisfy({ $0 >= 0 }) else { throw ModelError.logitsNotFinite }
        return drawn
    }
}
