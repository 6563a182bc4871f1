// The statistics of a block's input sites, gathered while the calibration sequences run through it.

import ESparseCore
import ESparseFormats
import ESparseModels

/// What calibration learnt about one input site.
struct SiteStatistics<Products: ChannelProducts>: Sendable {
    /// What methods score by.
    var channels: ChannelStatistics
    /// What stages work from, where it was asked for.
    let products: Products?
}

/// What a pass gathers.
struct StatisticsRequest {
    /// What the method and the stages ask for.
    let requirement: StatisticsRequirement
    /// Tokens at the start of each sequence that are left out.
    let skippedPositions: Int
    /// Whether products of channels are summed.
    let sumsProducts: Bool
    /// Count in bins that need the channels' ranges first, on the processor.
    let kernels: ChannelKernels
}

extension CalibrationPass {
    /// Statistics of the inputs of `sites`, which are in the order of data flow, over all sequences, by the sites' names. The
    /// block runs no further than the last of them, unless `outputs` shall hold its outputs.
    ///
    /// Where the requested histogram needs the channels' ranges first, the sequences run twice.
    ///
    /// - Throws: `PruningError` when an input is not finite; `InterruptedError`; `FileError`; when a device fails.
    func statistics<D: PruningDevice<B.Activation>>(
        of block: DecoderBlock<B>, sites: [InputSite], inputs: HiddenStateFile, _ request: StatisticsRequest,
        on device: D, storing outputs: HiddenStateFile? = nil
    ) throws -> [String: SiteStatistics<D.Products>] {
        guard let last = sites.last?.name else { return [:] }
        var estimate: (estimator: EntropyEstimator, bins: Int)?
        if case .histogram(let estimator, let bins) = request.requirement { estimate = (estimator, bins) }
        let needsRange = estimate?.estimator.needsRangeFirst ?? true
        let accumulators = try Dictionary(
            uniqueKeysWithValues: sites.map { site in
                (
                    site.name,
                    try device.makeAccumulator(
                        channels: site.channels, bins: needsRange ? nil : LogarithmicBins.kernelBinning,
                        sumsProducts: request.sumsProducts)
                )
            })
        try forEachSequence(
            inputs, block, through: outputs == nil ? last : nil,
            observe: { try accumulators[$0]?.append($1, skipping: request.skippedPositions) },
            finish: { if let outputs { try write($1, $0, to: outputs) } })
        let sums = try accumulators.mapValues { try $0.finish() }
        for site in sites { try sums[site.name]?.range.validate(site: site.linears[0].name) }
        var histograms: [String: HistogramStatistics] = [:]
        if let estimate {
            for (site, sums) in sums {
                var histogram = estimate.estimator.histogram(range: sums.range, bins: estimate.bins)
                if let counts = sums.counts { histogram.add(kernelCounts: counts) }
                histograms[site] = histogram
            }
        }
        if estimate != nil, needsRange {
            try forEachSequence(inputs, block, through: last) { site, input in
                try backend.withFloats(of: input) { values in
                    let channels = values.count / sequenceLength
                    histograms[site]?.accumulate(
                        values.extracting((request.skippedPositions * channels)...), using: request.kernels)
                }
            }
        }
        return Dictionary(
            uniqueKeysWithValues: sums.map { site, sums in
                let channels = ChannelStatistics(range: sums.range, histogram: histograms[site])
                return (site, SiteStatistics(channels: channels, products: sums.products))
            })
    }
}
