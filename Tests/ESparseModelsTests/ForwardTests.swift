// The forward pass against transformers' outputs, and against itself: in chunks, in batches, shuffled.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

/// Runs the checks on one backend.
struct ForwardChecks<B: Backend> {
    let backend: B
    /// Largest relative error of logits against transformers in single precision.
    var tolerance: Float = 1e-4

    /// All logits of one pass over the whole sequence.
    private func logits(_ model: LanguageModel<B>, _ tokens: [Int32]) throws -> [Float] {
        var cache = try model.makeCache(sequenceCount: 1, capacity: tokens.count)
        let hidden = try model.hidden(tokens, batch: .wholeSequence(tokens.count), cache: &cache)
        return try backend.floats(of: model.head.logits(hidden))
    }

    func equalsTransformers(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let found = try logits(try fixture.model(on: backend), fixture.tokens)
        #expect(relativeError(found, fixture.logits) < tolerance)
    }

    /// Chunks of 1, 5 and the rest, through the cache, give the rows of the whole pass.
    func cachedEqualsWhole(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let model = try fixture.model(on: backend)
        let vocabulary = model.architecture.vocabularySize
        var cache = try model.makeCache(sequenceCount: 1, capacity: fixture.tokens.count)
        for range in [0..<1, 1..<6, 6..<7, 7..<fixture.tokens.count] {
            let segment = TokenBatch.Segment(
                sequence: 0, start: range.lowerBound, count: range.count, textLength: fixture.tokens.count)
            let found = try model.logits(Array(fixture.tokens[range]), batch: TokenBatch([segment]), cache: &cache)
            let expected = fixture.logits[(range.upperBound - 1) * vocabulary..<range.upperBound * vocabulary]
            #expect(relativeError(try backend.floats(of: found), Array(expected)) < tolerance)
        }
    }

    /// Two sequences at different positions in one batch give what each gives alone.
    func batchedEqualsSingle(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let model = try fixture.model(on: backend)
        let vocabulary = model.architecture.vocabularySize
        let reversed = Array(fixture.tokens.reversed())
        let alone = try logits(model, reversed)
        var cache = try model.makeCache(sequenceCount: 2, capacity: fixture.tokens.count)
        let first = TokenBatch([TokenBatch.Segment(sequence: 1, start: 0, count: 7)])
        _ = try model.logits(Array(reversed[..<7]), batch: first, cache: &cache)
        let both = TokenBatch([
            TokenBatch.Segment(sequence: 0, start: 0, count: 11), TokenBatch.Segment(sequence: 1, start: 7, count: 3),
        ])
        let found = try model.logits(Array(fixture.tokens[..<11]) + Array(reversed[7..<10]), batch: both, cache: &cache)
        let expected = fixture.logits[10 * vocabulary..<11 * vocabulary] + alone[9 * vocabulary..<10 * vocabulary]
        #expect(relativeError(try backend.floats(of: found), Array(expected)) < tolerance)
    }

    /// Every site that can be shuffled, shuffled at once, leaves the logits as they were.
    func shuffledEqualsPlain(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        var weights = fixture.weights
        var random = SeededRandom(seed: 5)
        for site in architecture.blocks.flatMap(\.sites) {
            let shuffled = (0..<Int32(site.channels)).shuffled(using: &random)
            let order = try #require(Permutation(shuffled))
            if case .impossible = site.shuffle { continue }
            for linear in site.linears { try weights.permuteColumns(of: linear.name, by: order) }
            switch site.shuffle {
            case .atRunTime:
                for linear in site.linears { weights.permutations[linear.name] = order }
            case .inProducers(let producers):
                for linear in producers.linears {
                    let rows = try #require(Permutation(producers.rowOrder(order, of: linear)))
                    for tensor in linear.tensors { try weights.permuteRows(of: tensor.name, by: rows) }
                }
            case .impossible:
                break
            }
        }
        let model = try LanguageModel.load(architecture: architecture, weights: weights, backend: backend)
        #expect(relativeError(try logits(model, fixture.tokens), fixture.logits) < tolerance)
    }

    /// One order of the residual stream, and orders within heads and among inner channels, all in the weights: another checkpoint
    /// with the same logits.
    func absorbedEqualsPlain(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        var weights = fixture.weights
        var random = SeededRandom(seed: 6)
        let stream = Permutation.random(architecture.hiddenSize, using: &random)
        for (tensor, axis) in try architecture.residualAxes() {
            switch axis {
            case .rows: try weights.permuteRows(of: tensor, by: stream)
            case .columns: try weights.permuteColumns(of: tensor, by: stream)
            }
        }
        var ordered = 0
        for site in architecture.blocks.flatMap(\.sites) {
            guard case .inProducers(let producers) = site.absorbedShuffle else { continue }
            let rows = Permutation.random(producers.rowCount, runLength: producers.runLength, using: &random)
            for linear in site.linears {
                try weights.permuteColumns(of: linear.name, by: producers.channelOrder(rows))
            }
            for linear in producers.linears {
                let order = try #require(Permutation(producers.rowOrder(rows, of: linear)))
                for tensor in linear.tensors { try weights.permuteRows(of: tensor.name, by: order) }
            }
            ordered += 1
        }
        #expect(ordered == 2 * architecture.blockCount)
        let model = try LanguageModel.load(architecture: architecture, weights: weights, backend: backend)
        #expect(relativeError(try logits(model, fixture.tokens), fixture.logits) < tolerance)
    }

    /// Packed 2:4 linears give what the same weights give as dense matrices with zeros.
    func packedEqualsDense(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        func found(packed: Bool) throws -> [Float] {
            var weights = fixture.weights
            for linear in architecture.blocks.flatMap({ $0.sites.flatMap(\.linears) }) {
                try weights.sparsify(linear.name, packed: packed)
            }
            return try logits(
                LanguageModel.load(architecture: architecture, weights: weights, backend: backend), fixture.tokens)
        }
        let dense = try found(packed: false)
        #expect(relativeError(try found(packed: true), dense) < tolerance)
        #expect(relativeError(dense, fixture.logits) > 0.01)
    }

    /// Likelihoods of several sequences, from several starts, are those of the logits.
    func likelihoodsEqualLogits(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let model = try fixture.model(on: backend)
        let vocabulary = model.architecture.vocabularySize
        let sequences = [fixture.tokens, Array(fixture.tokens[..<9]), Array(fixture.tokens[..<2])]
        let starts = [1, 6, 1]
        let found = try model.negativeLogLikelihoods(of: sequences, from: starts)
        for (sequence, (start, losses)) in zip(sequences, zip(starts, found)) {
            #expect(losses.count == sequence.count - start)
            for (index, loss) in zip(start..., losses) {
                let row = fixture.logits[(index - 1) * vocabulary..<index * vocabulary].map(Double.init)
                let expected = negativeLogSoftmax(row, Int(sequence[index]))
                #expect(abs(loss - expected) < Double(tolerance) * max(1, abs(expected)) * 10)
            }
        }
    }
}

@Suite struct ReferenceForwardTests {
    let checks = ForwardChecks(backend: ReferenceBackend())

    @Test(arguments: ModelFixture.names) func absorbedEqualsPlain(_ name: String) throws {
        try checks.absorbedEqualsPlain(name)
    }

    @Test(arguments: ModelFixture.names) func equalsTransformers(_ name: String) throws {
        try checks.equalsTransformers(name)
    }

    @Test(arguments: ModelFixture.names) func cachedEqualsWhole(_ name: String) throws {
        try checks.cachedEqualsWhole(name)
    }

    @Test(
        arguments: [
            "llama-head-size", "llama-llama3-rope-old", "opt-plain", "opt-projected-post-norm", "mistral-window",
            "qwen3", "gemma2", "gemma3-text", "phi3", "olmo2",
        ])
    func batchedEqualsSingle(_ name: String) throws {
        try checks.batchedEqualsSingle(name)
    }

    @Test(arguments: ModelFixture.names) func shuffledEqualsPlain(_ name: String) throws {
        try checks.shuffledEqualsPlain(name)
    }

    @Test(arguments: ["llama-linear-rope", "opt-plain"] + ModelFixture.families)
    func packedEqualsDense(_ name: String) throws {
        try checks.packedEqualsDense(name)
    }

    @Test(arguments: ["llama-grouped-tied", "opt-projected-untied", "gemma2", "gemma3-text-old"])
    func likelihoods(_ name: String) throws {
        try checks.likelihoodsEqualLogits(name)
    }
}
