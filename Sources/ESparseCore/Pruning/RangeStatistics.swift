// Sum, sum of squares, minimum and maximum of every channel of one input site: the first calibration pass.

/// Running sums and extremes of C channels over the calibration tokens.
///
/// Sums do not depend on how the tokens are cut: within a sequence each channel adds its tokens in order, in double
/// precision, starting at zero (squares of singles are exact there); a finished sequence's sums are added to the totals in
/// the order of the sequences. Work may be split over channels freely, and over sequences by giving each sequence an
/// accumulator of its own and appending them in order.
public struct RangeStatistics: Sendable, Equatable {
    /// C: channels of the site.
    public let channelCount: Int
    /// Tokens of the finished sequences.
    public private(set) var tokenCount = 0
    /// Finished sequences.
    public private(set) var sequenceCount = 0
    /// Sum of each channel over the finished sequences, `[C]`.
    public private(set) var sum: [Double]
    /// Sum of squares of each channel over the finished sequences, `[C]`.
    public private(set) var sumOfSquares: [Double]
    /// Least value of each channel, `[C]`; infinity before the first token.
    public package(set) var minimum: [Float]
    /// Greatest value of each channel, `[C]`; minus infinity before the first token.
    public package(set) var maximum: [Float]

    /// Tokens of the open sequence.
    package var openTokenCount = 0
    /// Sum of each channel over the open sequence, `[C]`.
    package var openSum: [Double]
    /// Sum of squares of each channel over the open sequence, `[C]`.
    package var openSumOfSquares: [Double]

    /// Starts with no tokens.
    public init(channelCount: Int) {
        precondition(channelCount > 0)
        self.channelCount = channelCount
        sum = [Double](repeating: 0, count: channelCount)
        sumOfSquares = sum
        openSum = sum
        openSumOfSquares = sum
        minimum = [Float](repeating: .infinity, count: channelCount)
        maximum = [Float](repeating: -.infinity, count: channelCount)
    }

    /// Takes the figures of finished sequences from where they were gathered.
    package init(
        sequenceCount: Int, tokenCount: Int, sum: [Double], sumOfSquares: [Double], minimum: [Float], maximum: [Float]
    ) {
        self.init(channelCount: sum.count)
        self.sequenceCount = sequenceCount
        self.tokenCount = tokenCount
        self.sum = sum
        self.sumOfSquares = sumOfSquares
        self.minimum = minimum
        self.maximum = maximum
    }

    /// Adds the next tokens of the open sequence, row-major `[T, C]`.
    public mutating func accumulate(_ values: Span<Float>) {
        precondition(values.count % channelCount == 0)
        var index = 0
        for _ in 0..<(values.count / channelCount) {
            for channel in 0..<channelCount {
                let value = values[index]
                index += 1
                let wide = Double(value)
                openSum[channel] += wide
                openSumOfSquares[channel] += wide * wide
                minimum[channel] = min(minimum[channel], value)
                maximum[channel] = max(maximum[channel], value)
            }
        }
        openTokenCount += values.count / channelCount
    }

    /// Closes the open sequence: its sums join the totals.
    public mutating func endSequence() {
        for channel in 0..<channelCount {
            sum[channel] += openSum[channel]
            sumOfSquares[channel] += openSumOfSquares[channel]
            openSum[channel] = 0
            openSumOfSquares[channel] = 0
        }
        tokenCount += openTokenCount
        sequenceCount += 1
        openTokenCount = 0
    }

    /// Appends the statistics of exactly one finished sequence, the next in order.
    public mutating func append(_ next: RangeStatistics) {
        precondition(next.channelCount == channelCount && next.sequenceCount == 1)
        precondition(next.openTokenCount == 0 && openTokenCount == 0)
        for channel in 0..<channelCount {
            sum[channel] += next.sum[channel]
            sumOfSquares[channel] += next.sumOfSquares[channel]
            minimum[channel] = min(minimum[channel], next.minimum[channel])
            maximum[channel] = max(maximum[channel], next.maximum[channel])
        }
        tokenCount += next.tokenCount
        sequenceCount += 1
    }

    /// Root mean square of each channel over the tokens, `[C]`.
    public var rootMeanSquare: [Double] {
        sumOfSquares.map { tokenCount == 0 ? 0 : ($0 / Double(tokenCount)).squareRoot() }
    }

    /// Standard deviation of each channel over the tokens, `[C]`.
    public var standardDeviation: [Double] {
        zip(sum, sumOfSquares).map { sum, squares in
            guard tokenCount > 0 else { return 0 }
            let mean = sum / Double(tokenCount)
            return max(squares / Double(tokenCount) - mean * mean, 0).squareRoot()
        }
    }

    /// Whether a channel held one value throughout.
    public func isConstant(_ channel: Int) -> Bool {
        minimum[channel] >= maximum[channel]
    }
}
