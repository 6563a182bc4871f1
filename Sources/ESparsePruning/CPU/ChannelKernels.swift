// Calibration statistics of channels: moments and histograms, at about the speed of memory.

import CESparseCPU
package import ESparseCPU
package import ESparseCore

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

    /// Adds the next tokens of the open sequence to sums and extremes.
    ///
    /// Gives the same bits as `RangeStatistics.accumulate`, the plain reference of this: sums add token after token in double
    /// precision, so they depend neither on instruction set and threads nor on how the tokens are cut into calls.
    package func accumulate(_ values: Span<Float>, into range: inout RangeStatistics) {
        let channels = range.channelCount
        let tokens = tokenCount(values.count, channels: channels)
        range.openTokenCount += tokens
        unsafe values.withUnsafeBufferPointer { values in
            unsafe range.openSum.withUnsafeMutableBufferPointer { sums in
                unsafe range.openSumOfSquares.withUnsafeMutableBufferPointer { squares in
                    unsafe range.minimum.withUnsafeMutableBufferPointer { minimums in
                        unsafe range.maximum.withUnsafeMutableBufferPointer { maximums in
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

    /// Counts values in equal bins; see `HistogramStatistics.Binning.linear`, whose rounding this has.
    ///
    /// - Parameters:
    ///   - origins: lower end of bin 0, `[channels]`.
    ///   - inverseWidths: bins a unit, `[channels]`.
    ///   - counts: `[channels, bins]`.
    func count(
        _ values: Span<Float>, origins: [Float], inverseWidths: [Float], bins: Int, counts: inout [UInt32]
    ) {
        let channels = origins.count
        precondition(bins > 0 && bins < 1 << 20 && inverseWidths.count == channels && counts.count == channels * bins)
        let tokens = tokenCount(values.count, channels: channels)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe counts.withUnsafeMutableBufferPointer { counts in
                guard let values = values.baseAddress, let counts = counts.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (values, counts)
                kernels.forEachRange(of: channels, size: Self.strip) { range in
                    unsafe kernels.functions.accumulate_histogram(
                        pointers.0, tokens, channels, range.lowerBound, range.upperBound, origins, inverseWidths,
                        Int32(bins), pointers.1)
                }
            }
        }
    }

    /// Counts values in bins that widen with the magnitude, which need no ends and so no second pass.
    ///
    /// - Parameter counts: `[channels, bins]`.
    package func count(
        _ values: Span<Float>, channels: Int, in binning: LogarithmicBinning, counts: inout [UInt32]
    ) {
        precondition(counts.count == channels * binning.bins)
        let tokens = tokenCount(values.count, channels: channels)
        let fractionBits = Int32(binning.fractionBits)
        let low = Int32((binning.exponents.lowerBound + 127) << binning.fractionBits)
        let bins = Int32(binning.bins)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe counts.withUnsafeMutableBufferPointer { counts in
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

extension RangeStatistics {
    /// Adds one whole sequence, row-major `[T, C]`, on the threads of `kernels`, and closes it.
    package mutating func appendSequence(_ values: Span<Float>, using kernels: ChannelKernels) {
        precondition(openTokenCount == 0)
        kernels.accumulate(values, into: &self)
        endSequence()
    }
}
