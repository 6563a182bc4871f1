// Statistics of channels, gathered where a backend keeps its activations.

/// Bins by sign, exponent and leading fraction bits, as kernels count them.
///
/// Each octave `[2^e, 2^(e+1))` with `e` in `exponents` has `2^fractionBits` equal bins; smaller magnitudes count in the first bin of
/// their sign, larger ones and values that are not numbers in the last. Bins `[0, half)` are those of positive values in rising order
/// of magnitude, `[half, 2 * half)` those of negative values (and -0).
package struct LogarithmicBinning: Sendable, Equatable {
    /// Octaves that are told apart, in -126...127.
    package let exponents: ClosedRange<Int>
    /// Binary logarithm of the bins of an octave, in 0...8.
    package let fractionBits: Int

    /// Describes bins.
    package init(exponents: ClosedRange<Int>, fractionBits: Int) {
        precondition(exponents.lowerBound >= -126 && exponents.upperBound <= 127 && (0...8).contains(fractionBits))
        self.exponents = exponents
        self.fractionBits = fractionBits
    }

    /// Bins of one sign.
    package var half: Int { exponents.count << fractionBits }
    /// Bins of a channel.
    package var bins: Int { 2 * half }
}

/// `sum over tokens of x_i x_j` of the C channels of one input site, in single precision.
package protocol ChannelProducts: Sendable {
    /// C
    var channels: Int { get }
    /// Tokens that were summed.
    var tokenCount: Int { get }
    /// The sums on the host, `[C, C]`, row-major; what lies above the diagonal means nothing.
    ///
    /// - Throws: when a device fails.
    func values() throws -> [Float]
}

/// What calibration gathered about the C channels of one input site.
package struct SiteSums: Sendable {
    /// Sequences seen.
    package var sequenceCount = 0
    /// Tokens seen.
    package var tokenCount = 0
    /// Sum of each channel, `[C]`: a sequence's tokens in order from 0, then sequence after sequence.
    package var sums: [Double]
    /// The same of the squares.
    package var squareSums: [Double]
    /// Least value of each channel, `[C]`; infinity where there is none.
    package var minimums: [Float]
    /// Greatest value of each channel, `[C]`; minus infinity where there is none.
    package var maximums: [Float]
    /// Counts in the bins that were asked for, `[C, bins]`.
    package var counts: [UInt32]?
    /// Sums of products, where they were asked for.
    package var products: (any ChannelProducts)?

    /// Puts figures together.
    package init(
        sequenceCount: Int, tokenCount: Int, sums: [Double], squareSums: [Double], minimums: [Float],
        maximums: [Float], counts: [UInt32]?, products: (any ChannelProducts)?
    ) {
        self.sequenceCount = sequenceCount
        self.tokenCount = tokenCount
        self.sums = sums
        self.squareSums = squareSums
        self.minimums = minimums
        self.maximums = maximums
        self.counts = counts
        self.products = products
    }
}

/// Gathers the statistics of one input site, sequence after sequence.
package protocol ChannelAccumulator<Activation>: AnyObject {
    /// Values of a sequence's tokens, `[T, C]`.
    associatedtype Activation
    /// Adds one whole sequence without its first `skipped` tokens, fewer than it has.
    ///
    /// - Throws: when a device fails.
    func append(_ input: Activation, skipping skipped: Int) throws
    /// What was gathered.
    ///
    /// - Throws: when a device fails.
    func finish() throws -> SiteSums
}

/// Makes accumulators for a backend's activations.
package protocol CalibrationArithmetic<Activation>: Sendable {
    /// Values of a sequence's tokens, `[T, C]`.
    associatedtype Activation
    /// An accumulator for `channels` channels: moments, counts in `bins` where they are given, and sums of products where
    /// `sumsProducts`.
    ///
    /// - Throws: when memory cannot be had.
    func makeAccumulator(
        channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool
    ) throws -> any ChannelAccumulator<Activation>
}
