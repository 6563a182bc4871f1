// Runs the calibration sequences through one decoder block at a time.

import ESparseCore
import ESparseFormats
import ESparseModels

/// Passes of all calibration sequences through one block.
struct CalibrationPass<B: Backend> {
    let backend: B
    let sequenceLength: Int
    let hiddenSize: Int
    /// The first so many sequences run as one text each; in the others every token is a text of its own.
    let textCount: Int
    /// Of one layer and one sequence: every pass starts its sequences anew.
    let cacheDescription: CacheDescription
    /// Copies hidden states from and to their files.
    let parallel: ParallelLoop
    /// Called after each sequence.
    let advance: () -> Void

    /// Stores the embedded sequences: the inputs of the first block.
    ///
    /// - Throws: `ModelError` for a token outside the vocabulary; `FileError`.
    func embed(_ sequences: [[Int32]], with embedding: TokenEmbedding<B>, to outputs: HiddenStateFile) throws {
        for (index, tokens) in sequences.enumerated() {
            let hidden = try embedding.embed(tokens, batch: batch(of: index))
            try write(hidden, index, to: outputs)
        }
    }

    /// Runs all sequences through the block and stores its outputs.
    ///
    /// - Throws: `InterruptedError`; `FileError`.
    func run(_ block: DecoderBlock<B>, from inputs: HiddenStateFile, to outputs: HiddenStateFile) throws {
        try forEachSequence(inputs, block, finish: { try write($1, $0, to: outputs) })
    }

    /// Runs all sequences through the block and shows each one's outputs, `[tokens, hidden size]`.
    ///
    /// - Throws: `InterruptedError`; `FileError`; what `body` throws.
    func forEachOutput(
        of block: DecoderBlock<B>, inputs: HiddenStateFile, _ body: @escaping (Int, Span<Float>) throws -> Void
    ) throws {
        try forEachSequence(
            inputs, block,
            finish: { sequence, hidden in
                try backend.withFloats(of: hidden) { values in try body(sequence, values) }
            })
    }

    /// Runs all sequences through the block, as far as the site `last`; `observe` sees each site's inputs, `finish` each sequence's
    /// number and outputs.
    ///
    /// - Throws: `InterruptedError`; `FileError`; what the closures throw.
    func forEachSequence(
        _ inputs: HiddenStateFile, _ block: DecoderBlock<B>, through last: String? = nil,
        observe: ((String, B.Activation) throws -> Void)? = nil, finish: ((Int, B.Activation) throws -> Void)? = nil
    ) throws {
        var cache = try backend.makeCache(cacheDescription)
        for sequence in 0..<inputs.sequenceCount {
            if sequence == textCount { cache = try backend.makeCache(cacheDescription.singleTokens(sequenceLength)) }
            try Interruption.check()
            var hidden = try backend.activation(tokens: sequenceLength, channels: hiddenSize) { values in
                try inputs.read(sequence: sequence, into: &values, parallel: parallel)
            }
            try block.forward(
                hidden: &hidden, batch: batch(of: sequence), layer: 0, cache: &cache, through: last,
                observe: observe)
            try finish?(sequence, hidden)
            advance()
        }
    }

    /// How the tokens of a sequence lie in texts.
    private func batch(of sequence: Int) -> TokenBatch {
        sequence < textCount
            ? .wholeSequence(sequenceLength)
            : TokenBatch((0..<sequenceLength).map { TokenBatch.Segment(sequence: $0, start: 0, count: 1) })
    }

    /// Stores one sequence's hidden states.
    ///
    /// - Throws: `FileError`.
    func write(_ hidden: B.Activation, _ sequence: Int, to outputs: HiddenStateFile) throws {
        try backend.withFloats(of: hidden) { values in
            try outputs.write(values, sequence: sequence, parallel: parallel)
        }
    }
}

extension CacheDescription {
    /// A cache of the same layers and heads for `count` sequences of one token each.
    fileprivate func singleTokens(_ count: Int) -> CacheDescription {
        CacheDescription(
            layerCount: layerCount, sequenceCount: count, capacity: 1, keyValueHeadCount: keyValueHeadCount,
            headSize: headSize)
    }
}
