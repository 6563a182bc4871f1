// Statistics of one input site on the device: moments, histograms and sums of products, straight from the activations.

package import ESparseCore

/// Gathers one site's statistics; only `finish` copies anything to the host.
package final class CUDAAccumulator: ChannelAccumulator {
    private let context: CUDAContext
    private let channels: Int
    private let bins: LogarithmicBinning?
    private var sequenceCount = 0
    private var tokenCount = 0
    /// `[2, channels]` f64: sums, then sums of squares.
    private let sums: DeviceBuffer
    /// `[2, channels]` f32: minimums, then maximums.
    private let extremes: DeviceBuffer
    /// `[channels, bins]` u32
    private let counts: DeviceBuffer?
    /// `[channels, channels]` f32
    private let products: DeviceBuffer?

    init(channels: Int, bins: LogarithmicBinning?, sumsProducts: Bool, context: CUDAContext) throws(CUDAError) {
        self.context = context
        self.channels = channels
        self.bins = bins
        let device = context.device
        sums = try device.allocate(16 * channels)
        try sums.all.fill()
        extremes = try device.buffer(
            [Float](repeating: .infinity, count: channels) + [Float](repeating: -.infinity, count: channels))
        counts = if let bins { try device.allocate(4 * channels * bins.bins) } else { nil }
        try counts?.all.fill()
        products = sumsProducts ? try device.allocate(4 * channels * channels) : nil
        try products?.all.fill()
    }

    package func append(_ input: CUDAActivation, skipping skipped: Int) throws {
        precondition(input.channels == channels && skipped >= 0 && skipped < input.tokens)
        let tokens = input.tokens - skipped
        let values = input.slice(fromToken: skipped)
        let operand: ProductOperand = input.element == .float32 ? .float32 : .half(context.type)
        try context.launch(
            "esparse_moments_\(operand.name)", in: .statistics, grid: ((channels + 31) / 32, 1, 1), block: 32,
            [
                .pointer(values), .count(tokens), .count(channels), .pointer(sums.all),
                .pointer(sums.slice(from: 8 * channels)), .pointer(extremes.all),
                .pointer(extremes.slice(from: 4 * channels)),
            ])
        if let bins, let counts {
            let low = (bins.exponents.lowerBound + 127) << bins.fractionBits
            try context.launch(
                "esparse_logarithmic_histogram_\(operand.name)", in: .statistics,
                grid: ((channels + 127) / 128, (tokens + 63) / 64, 1), block: 128,
                [
                    .pointer(values), .count(tokens), .count(channels), .count(bins.fractionBits), .count(low),
                    .count(bins.bins), .pointer(counts.all),
                ])
        }
        if let products {
            let shape = GramProductShape(tokens: tokens, channels: channels, operand: operand)
            let bytes = tokens * channels * operand.byteCount
            try context.product(shape).run(input: aligned(values, byteCount: bytes), sums: products.all)
        }
        sequenceCount += 1
        tokenCount += tokens
    }

    /// The values at an address that cuBLASLt takes: after skipped tokens they may begin anywhere.
    private func aligned(_ values: DeviceSlice, byteCount: Int) throws(CUDAError) -> DeviceSlice {
        if values.address % UInt64(DenseMultiplier.alignment) == 0 { return values }
        let copy = try context.device.allocate(byteCount)
        try copy.all.copy(from: values, byteCount: byteCount)
        return copy.all
    }

    package func finish() throws -> SiteSums<CUDAProducts> {
        let figures = try sums.all.download(UInt64.self, count: 2 * channels).map { Double(bitPattern: $0) }
        let extremes = try extremes.all.download(Float.self, count: 2 * channels)
        let counts = try counts.flatMap { counts in
            try bins.map { try counts.all.download(UInt32.self, count: channels * $0.bins) }
        }
        return SiteSums(
            range: RangeStatistics(
                sequenceCount: sequenceCount, tokenCount: tokenCount, sum: Array(figures[..<channels]),
                sumOfSquares: Array(figures[channels...]), minimum: Array(extremes[..<channels]),
                maximum: Array(extremes[channels...])),
            counts: counts,
            products: products.map { CUDAProducts(channels: channels, tokenCount: tokenCount, sums: $0) })
    }
}

/// Sums of products that stay on the device.
package struct CUDAProducts: ChannelProducts {
    let channels: Int
    let tokenCount: Int
    /// `[channels, channels]` f32
    let sums: DeviceBuffer

    package func gram() throws -> GramMatrix {
        GramMatrix(
            try sums.all.download(Float.self, count: channels * channels), channels: channels, tokenCount: tokenCount)
    }
}
