// Runs the calibration sequences through one decoder block at a time, and gathers statistics on the way.

import ESparseCPU
import ESparseCore
import ESparseFormats
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
    let calibration: any CalibrationArithmetic<B.Activation>
    /// Counts in bins that need the channels' ranges first, on the processor.
    let kernels: ChannelKernels
    /// Copies hidden states from and to their files.
    let parallel: ParallelLoop
    /// Called after each sequence.
    let advance: () -> Void

    /// Statistics of the inputs of `sites`, which are in the order of data flow, over all sequences, by the sites' names;
    /// none for a method that needs none. The block runs no further than the last of them.
    ///
    /// Where the method's histogram needs the channels' ranges first, the sequences run twice.
    ///
    /// - Throws: `PruningError` when an input is not finite; `InterruptedError`; `FileError`; when a device fails.
    func statistics(
        of block: DecoderBlock<B>, sites: [InputSite], inputs: HiddenStateFile
    ) throws -> [String: ChannelStatistics] {
        guard let last = sites.last?.name else { return [:] }
        var estimate: (estimator: EntropyEstimator, bins: Int)?
        if case .histogram(let estimator, let bins) = method.requirement { estimate = (estimator, bins) }
        let needsRange = estimate?.estimator.needsRangeFirst ?? true
        let accumulators = try Dictionary(
            uniqueKeysWithValues: sites.map { site in
                (
                    site.name,
                    try calibration.makeAccumulator(
                        channels: site.channels, bins: needsRange ? nil : LogarithmicBins.kernelBinning,
                        sumsProducts: method.needsHessian || gathersProducts)
                )
            })
        try forEachSequence(inputs, block, through: last) { site, input in
            try accumulators[site]?.append(input, skipping: method.skippedPositions)
        }
        let sums = try accumulators.mapValues { try $0.finish() }
        let ranges = sums.mapValues { RangeStatistics($0) }
        for site in sites { try ranges[site.name]?.validate(site: site.linears[0].name) }
        var histograms: [String: HistogramStatistics] = [:]
        if let estimate {
            histograms = ranges.mapValues { estimate.estimator.histogram(range: $0, bins: estimate.bins) }
            for (site, sums) in sums {
                if let counts = sums.counts { histograms[site]?.add(kernelCounts: counts) }
            }
        }
        if estimate != nil, needsRange {
            try forEachSequence(inputs, block, through: last) { site, input in
                backend.withFloats(of: input) { values in
                    let channels = values.count / sequenceLength
                    histograms[site]?.accumulate(
                        values.extracting((method.skippedPositions * channels)...), using: kernels)
                }
            }
        }
        return ranges.reduce(into: [:]) { result, entry in
            result[entry.key] = ChannelStatistics(
                range: entry.value, histogram: histograms[entry.key], products: sums[entry.key]?.products)
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
        _ inputs: HiddenStateFile, _ block: DecoderBlock<B>, through last: String? = nil,
        observe: ((String, B.Activation) throws -> Void)? = nil, finish: ((Int, B.Activation) throws -> Void)? = nil
    ) throws {
        var cache = try backend.makeCache(cacheDescription)
        for sequence in 0..<inputs.sequenceCount {
            try Interruption.check()
            var hidden = try backend.activation(tokens: sequenceLength, channels: hiddenSize) { values in
                try inputs.read(sequence: sequence, into: &values, parallel: parallel)
            }
            try block.forward(
                hidden: &hidden, batch: .wholeSequence(sequenceLength), layer: 0, cache: &cache, through: last,
                observe: observe)
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
