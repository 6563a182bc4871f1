// Runs the calibration sequences through one decoder block at a time, and gathers statistics on the way.

import ESparseCore
import ESparseFormats
import ESparseKernels
import ESparseModels

/// Passes of all calibration sequences through one block.
struct CalibrationPass<B: Backend> {
    let backend: B
    let sequenceLength: Int
    let hiddenSize: Int
    /// One layer, one sequence: every pass starts its sequences anew.
    let cacheDescription: CacheDescription
    /// Says what to gather.
    let method: any PruningMethod
    /// Whether sums of products are gathered for a method that does without them.
    let gathersProducts: Bool
    /// Gathers statistics.
    let kernels: ChannelKernels
    /// Copies hidden states from and to their files.
    let parallel: ParallelLoop
    /// Called after each sequence.
    let advance: () -> Void

    /// Statistics of the inputs of `sites`, which are in the order of data flow, over all sequences; none for a method that
    /// needs none. The block runs no further than the last of them.
    ///
    /// Where the method's histogram needs the channels' ranges first, the sequences run twice.
    ///
    /// - Throws: `PruningError` when an input is not finite; `InterruptedError`; `FileError`.
    func statistics(
        of block: DecoderBlock<B>, sites: [LinearSite], inputs: HiddenStateFile
    ) throws -> [InputSite: ChannelStatistics] {
        guard let last = sites.last?.kind else { return [:] }
        var ranges = Dictionary(
            uniqueKeysWithValues: sites.map { ($0.kind, RangeStatistics(channelCount: $0.channels)) })
        var histograms: [InputSite: HistogramStatistics] = [:]
        var hessians: [InputSite: Hessian] = [:]
        if method.needsHessian || gathersProducts {
            hessians = ranges.mapValues { Hessian(channelCount: $0.channelCount) }
        }
        var collectsBoth = false
        if case .histogram(let estimator, let bins) = method.requirement, !estimator.needsRangeFirst {
            histograms = ranges.mapValues { estimator.histogram(range: $0, bins: bins) }
            collectsBoth = true
        }
        try forEachSequence(
            inputs, block, through: last,
            observe: { site, input in
                ranges[site]?.appendSequence(input, using: kernels)
                hessians[site]?.appendSequence(input, using: kernels)
                if collectsBoth { histograms[site]?.accumulate(input, using: kernels) }
            })
        for site in sites { try ranges[site.kind]?.validate(site: site.linears[0].name) }
        if case .histogram(let estimator, let bins) = method.requirement, estimator.needsRangeFirst {
            histograms = ranges.mapValues { estimator.histogram(range: $0, bins: bins) }
            try forEachSequence(
                inputs, block, through: last,
                observe: { site, input in
                    histograms[site]?.accumulate(input, using: kernels)
                })
        }
        return ranges.reduce(into: [:]) { result, entry in
            result[entry.key] = ChannelStatistics(
                range: entry.value, histogram: histograms[entry.key], hessian: hessians[entry.key])
        }
    }

    /// Stores the embedded sequences: the inputs of the first block.
    ///
    /// - Throws: `ModelError` for a token outside the vocabulary; `FileError`.
    func embed(_ sequences: [[Int32]], with embedding: TokenEmbedding<B>, to outputs: HiddenStateFile) throws {
        for (index, tokens) in sequences.enumerated() {
            let hidden = try embedding.embed(tokens, batch: .wholeSequence(sequenceLength))
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

    private func forEachSequence(
        _ inputs: HiddenStateFile, _ block: DecoderBlock<B>, through last: InputSite? = nil,
        observe: ((InputSite, Span<Float>) -> Void)? = nil, finish: ((Int, B.Activation) throws -> Void)? = nil
    ) throws {
        var cache = try backend.makeCache(cacheDescription)
        for sequence in 0..<inputs.sequenceCount {
            try Interruption.check()
            var hidden = try backend.activation(tokens: sequenceLength, channels: hiddenSize) { values in
                try inputs.read(sequence: sequence, into: &values, parallel: parallel)
            }
            try block.forward(
                hidden: &hidden, batch: .wholeSequence(sequenceLength), layer: 0, cache: &cache, through: last,
                observe: observe.map { observe in
                    { site, input in
                        backend.withFloats(of: input) { values in
                            let channels = values.count / sequenceLength
                            observe(site, values.extracting((method.skippedPositions * channels)...))
                        }
                    }
                })
            try finish?(sequence, hidden)
            advance()
        }
    }

    private func write(_ hidden: B.Activation, _ sequence: Int, to outputs: HiddenStateFile) throws {
        try backend.withFloats(of: hidden) { values in
            try outputs.write(values, sequence: sequence, parallel: parallel)
        }
    }
}
