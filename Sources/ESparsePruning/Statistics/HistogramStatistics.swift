// Histograms of every channel of one input site: exact counts that merge exactly.

public import ESparseCore

/// How many calibration values of each channel fell in each bin.
///
/// Counts are integers, so merging is exact: it does not matter how the tokens were cut or in what order they came.
public struct HistogramStatistics: Sendable, Equatable {
    /// Where bins lie.
    public enum Binning: Sendable, Equatable {
        /// Bin of `x` in channel `c`: the integer part of `(x - origin[c]) * scale[c]` in single precision, held to
        /// `[0, bins)`. `width[c]` is the bins' width; a constant channel has scale and width 0.
        case linear(origin: [Float], scale: [Float], width: [Double])
        /// Bins by sign, exponent and the leading bits of the fraction: see `LogarithmicBins`.
        case logarithmic
    }

    /// C: channels of the site.
    public let channelCount: Int
    /// Bins of each channel.
    public let binCount: Int
    /// Where bins lie.
    public let binning: Binning
    /// Counts, `[C, bins]`.
    public private(set) var counts: [UInt32]

    private init(channelCount: Int, binCount: Int, binning: Binning) {
        self.channelCount = channelCount
        self.binCount = binCount
        self.binning = binning
        counts = [UInt32](repeating: 0, count: channelCount * binCount)
    }

    /// `bins` equal bins between each channel's own minimum and maximum.
    public init(range: RangeStatistics, bins: Int) {
        precondition(bins > 0)
        var scale = [Float](repeating: 0, count: range.channelCount)
        var width = [Double](repeating: 0, count: range.channelCount)
        for channel in 0..<range.channelCount where !range.isConstant(channel) {
            let extent = Double(range.maximum[channel]) - Double(range.minimum[channel])
            let channelScale = Float(Double(bins) / extent)
            // A range so small that its scale overflows counts as constant.
            guard channelScale.isFinite else { continue }
            scale[channel] = channelScale
            width[channel] = extent / Double(bins)
        }
        let binning = Binning.linear(origin: range.minimum, scale: scale, width: width)
        self.init(channelCount: range.channelCount, binCount: bins, binning: binning)
    }

    /// One bin width for all channels: `bins` bins span four times the median RMS to either side of zero, and as many more
    /// follow outwards up to 32 times; what lies beyond falls in the outermost.
    public init(sharedWidth range: RangeStatistics, bins: Int) {
        precondition(bins > 0)
        let sorted = range.rootMeanSquare.sorted()
        let extent = 8 * sorted[sorted.count / 2]
        let channelScale = Float(Double(bins) / extent)
        let isUsable = extent > 0 && channelScale.isFinite
        let repeated = { (value: Float) in [Float](repeating: value, count: range.channelCount) }
        let binning = Binning.linear(
            origin: repeated(isUsable ? Float(-4 * extent) : 0), scale: repeated(isUsable ? channelScale : 0),
            width: [Double](repeating: isUsable ? extent / Double(bins) : 0, count: range.channelCount))
        self.init(channelCount: range.channelCount, binCount: 8 * bins, binning: binning)
    }

    /// Logarithmic bins, which need no range beforehand.
    public init(logarithmicFor channelCount: Int) {
        precondition(channelCount > 0)
        self.init(channelCount: channelCount, binCount: LogarithmicBins.count, binning: .logarithmic)
    }

    /// Counts tokens, row-major `[T, C]`.
    public mutating func accumulate(_ values: Span<Float>) {
        precondition(values.count % channelCount == 0)
        switch binning {
        case .linear(let origin, let scale, _):
            let last = Float(binCount - 1)
            var index = 0
            for _ in 0..<(values.count / channelCount) {
                for channel in 0..<channelCount {
                    let position = (values[index] - origin[channel]) * scale[channel]
                    index += 1
                    // The comparison also sends a NaN to bin 0.
                    let bin = position > 0 ? Int(min(position, last)) : 0
                    counts[channel * binCount + bin] += 1
                }
            }
        case .logarithmic:
            var index = 0
            for _ in 0..<(values.count / channelCount) {
                for channel in 0..<channelCount {
                    counts[channel * binCount + LogarithmicBins.bin(of: values[index])] += 1
                    index += 1
                }
            }
        }
    }

    /// Counts tokens, row-major `[T, C]`, on the threads of `kernels`.
    ///
    /// Gives the same counts as `accumulate(_:)`, which is the plain reference of this.
    package mutating func accumulate(_ values: Span<Float>, using kernels: ChannelKernels) {
        switch binning {
        case .linear(let origin, let scale, _):
            kernels.count(values, origins: origin, inverseWidths: scale, bins: binCount, counts: &counts)
        case .logarithmic:
            let binning = LogarithmicBins.kernelBinning
            var kernelCounts = [UInt32](repeating: 0, count: channelCount * binning.bins)
            kernels.count(values, channels: channelCount, in: binning, counts: &kernelCounts)
            add(kernelCounts: kernelCounts)
        }
    }

    /// Adds counts in `LogarithmicBins.kernelBinning`, `[C, bins]`, to logarithmic bins.
    package mutating func add(kernelCounts: [UInt32]) {
        let binning = LogarithmicBins.kernelBinning
        precondition(self.binning == .logarithmic && kernelCounts.count == channelCount * binning.bins)
        let (half, below) = (binning.half, (1 << binning.fractionBits) - 1)
        for (index, count) in kernelCounts.enumerated() where count > 0 {
            let (channel, bin) = (index / binning.bins, index % binning.bins)
            let sign = bin < half ? LogarithmicBins.countPerSign : 0
            counts[channel * binCount + sign + max(bin % half - below, 0)] += count
        }
    }

    /// Adds the counts of other tokens in the same bins.
    public mutating func merge(_ other: HistogramStatistics) {
        precondition(other.channelCount == channelCount && other.binCount == binCount && other.binning == binning)
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// Counts of one channel, `[bins]`.
    public func counts(of channel: Int) -> ArraySlice<UInt32> {
        counts[(channel * binCount)..<((channel + 1) * binCount)]
    }
}
