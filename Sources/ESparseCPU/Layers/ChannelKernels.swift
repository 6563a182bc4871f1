// Calibration statistics of channels: moments and histograms, at about the speed of memory.

import CESparseCPU

/// Sums and extremes of each channel's values.
///
/// Sums add token after token in double precision (the square of a single is exact there), so they do not depend on
/// instruction set or threads, nor on how the tokens are cut in calls.
package struct ChannelMoments: Sendable, Equatable {
    /// Values seen of each channel.
    package private(set) var tokens = 0
    /// Sum of the values, `[channels]`.
    package fileprivate(set) var sums: [Double]
    /// Sum of the squares, `[channels]`.
    package fileprivate(set) var squareSums: [Double]
    /// Smallest value, infinity before any, `[channels]`.
    package fileprivate(set) var minimums: [Float]
    /// Largest value, minus infinity before any, `[channels]`.
    package fileprivate(set) var maximums: [Float]

    /// Starts with no values.
    package init(channels: Int) {
        sums = [Double](repeating: 0, count: channels)
        squareSums = sums
        minimums = [Float](repeating: .infinity, count: channels)
        maximums = [Float](repeating: -.infinity, count: channels)
    }

    /// Number of channels.
    package var channels: Int { sums.count }

    fileprivate mutating func count(tokens: Int) { self.tokens += tokens }
}

/// Counts of each channel's values in equal bins between given ends.
///
/// A value falls in bin `min(K - 1, max(0, trunc((x - origin) * inverseWidth)))`, in single precision with one rounding an
/// operation, where `inverseWidth = Float(K) / (maximum - minimum)`, or 0 where that is not a finite positive number. Not
/// a number counts in bin 0.
package struct ChannelHistograms: Sendable, Equatable {
    /// K: bins of a channel.
    package let bins: Int
    /// Lower end of bin 0, `[channels]`.
    package let origins: [Float]
    /// Bins per unit, `[channels]`.
    package let inverseWidths: [Float]
    /// Counts, `[channels, bins]`.
    package fileprivate(set) var counts: [UInt32]

    /// Starts with all counts 0.
    package init(bins: Int, minimums: [Float], maximums: [Float]) {
        precondition(bins > 0 && bins < 1 << 20 && minimums.count == maximums.count)
        self.bins = bins
        origins = minimums
        inverseWidths = zip(minimums, maximums).map { minimum, maximum in
            let inverseWidth = Float(bins) / (maximum - minimum)
            return inverseWidth.isFinite && inverseWidth > 0 ? inverseWidth : 0
        }
        counts = [UInt32](repeating: 0, count: bins * minimums.count)
    }

    /// Starts with all counts 0 and bins where they are given.
    package init(bins: Int, origins: [Float], inverseWidths: [Float]) {
        precondition(bins > 0 && bins < 1 << 20 && origins.count == inverseWidths.count)
        self.bins = bins
        self.origins = origins
        self.inverseWidths = inverseWidths
        counts = [UInt32](repeating: 0, count: bins * origins.count)
    }

    /// Number of channels.
    package var channels: Int { origins.count }
}

/// Counts of each channel's values in bins that widen with the magnitude, which need no ends and so no second pass.
///
/// Bins split each octave `[2^e, 2^(e+1))` for `e` in `exponents` in `2^fractionBits` equal parts; smaller magnitudes count
/// in the first bin of their sign, larger ones and values that are not numbers in the last. Bins `[0, half)` are those of
/// positive values in rising order of magnitude, `[half, 2 * half)` those of negative values (and -0).
package struct ChannelLogarithmicHistograms: Sendable, Equatable {
    /// Octaves that are told apart.
    package let exponents: ClosedRange<Int>
    /// Binary logarithm of the bins of an octave.
    package let fractionBits: Int
    /// Number of channels.
    package let channels: Int
    /// Counts, `[channels, bins]`.
    package fileprivate(set) var counts: [UInt32]

    /// Starts with all counts 0; exponents must lie in -126...127, `fractionBits` in 0...8.
    package init(channels: Int, exponents: ClosedRange<Int>, fractionBits: Int) {
        precondition(exponents.lowerBound >= -126 && exponents.upperBound <= 127 && (0...8).contains(fractionBits))
        self.exponents = exponents
        self.fractionBits = fractionBits
        self.channels = channels
        counts = [UInt32](repeating: 0, count: channels * 2 * (exponents.count << fractionBits))
    }

    /// Bins of one sign.
    package var half: Int { exponents.count << fractionBits }
    /// Bins of a channel.
    package var bins: Int { 2 * half }
}

/// Adds values `[tokens, channels]`, row-major, to statistics of channels. Threads split the channels.
package struct ChannelKernels: Sendable {
    /// Channels that one thread handles at a time.
    private static let strip = 64

    private let kernels: LayerKernels

    /// Works on the threads of `pool` by the kernels of an instruction set, which the processor must have.
    package init(pool: ThreadPool, instructionSet: InstructionSet) {
        kernels = LayerKernels(instructionSet, pool: pool)
    }

    /// Calls `body` with every index in `[0, count)` on the threads.
    func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) { kernels.pool.run(count: count, body) }

    /// Adds values to moments.
    package func accumulate(_ values: Span<Float>, into moments: inout ChannelMoments) {
        let channels = moments.channels
        let tokens = tokenCount(values.count, channels: channels)
        moments.count(tokens: tokens)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe moments.sums.withUnsafeMutableBufferPointer { sums in
                unsafe moments.squareSums.withUnsafeMutableBufferPointer { squares in
                    unsafe moments.minimums.withUnsafeMutableBufferPointer { minimums in
                        unsafe moments.maximums.withUnsafeMutableBufferPointer { maximums in
                            guard let values = values.baseAddress, let sums = sums.baseAddress,
                                let squares = squares.baseAddress, let minimums = minimums.baseAddress,
                                let maximums = maximums.baseAddress
                            else { return }
                            nonisolated(unsafe) let pointers = unsafe (values, sums, squares, minimums, maximums)
                            kernels.forEachRange(of: channels, size: Self.strip) { range in
                                unsafe kernels.functions.accumulate_moments(
                                    pointers.0, tokens, channels, range.lowerBound, range.upperBound, pointers.1,
                                    pointers.2, pointers.3, pointers.4)
                            }
                        }
                    }
                }
            }
        }
    }

    /// Adds values to histograms.
    package func accumulate(_ values: Span<Float>, into histograms: inout ChannelHistograms) {
        let channels = histograms.channels
        let tokens = tokenCount(values.count, channels: channels)
        let bins = Int32(histograms.bins)
        let origins = histograms.origins
        let inverseWidths = histograms.inverseWidths
        unsafe values.withUnsafeBufferPointer { values in
            unsafe histograms.counts.withUnsafeMutableBufferPointer { counts in
                guard let values = values.baseAddress, let counts = counts.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (values, counts)
                kernels.forEachRange(of: channels, size: Self.strip) { range in
                    unsafe kernels.functions.accumulate_histogram(
                        pointers.0, tokens, channels, range.lowerBound, range.upperBound, origins, inverseWidths, bins,
                        pointers.1)
                }
            }
        }
    }

    /// Adds values to logarithmic histograms.
    package func accumulate(_ values: Span<Float>, into histograms: inout ChannelLogarithmicHistograms) {
        let channels = histograms.channels
        let tokens = tokenCount(values.count, channels: channels)
        let fractionBits = Int32(histograms.fractionBits)
        let low = Int32((histograms.exponents.lowerBound + 127) << histograms.fractionBits)
        let bins = Int32(histograms.bins)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe histograms.counts.withUnsafeMutableBufferPointer { counts in
                guard let values = values.baseAddress, let counts = counts.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (values, counts)
                kernels.forEachRange(of: channels, size: Self.strip) { range in
                    unsafe kernels.functions.accumulate_logarithmic_histogram(
                        pointers.0, tokens, channels, range.lowerBound, range.upperBound, fractionBits, low, bins,
                        pointers.1)
                }
            }
        }
    }

    private func tokenCount(_ count: Int, channels: Int) -> Int {
        precondition(channels > 0 && count % channels == 0, "values do not fill rows of \(channels) channels")
        return count / channels
    }
}
