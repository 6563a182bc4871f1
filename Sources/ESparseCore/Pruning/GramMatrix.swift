// Sums of products of every two channels: the second-order statistics of an input site.

/// Sums of products of one input site's channels, wherever a device keeps them.
package protocol ChannelProducts: Sendable {
    /// The sums on the host.
    ///
    /// - Throws: when the device fails.
    func gram() throws -> GramMatrix
}

/// `sum over tokens of x_i x_j` for channels `j <= i`, in single precision.
package struct GramMatrix: ChannelProducts, Sendable {
    /// C: channels.
    package let channels: Int
    /// Tokens that were summed.
    package var tokenCount: Int
    /// `[C, C]`, row-major; undefined above the diagonal.
    package var values: [Float]

    /// Takes sums, `[C, C]`, row-major, from where they were gathered.
    package init(_ values: [Float], channels: Int, tokenCount: Int) {
        precondition(channels > 0 && values.count == channels * channels)
        self.channels = channels
        self.tokenCount = tokenCount
        self.values = values
    }

    /// Starts with no tokens.
    package init(channels: Int) {
        self.init([Float](repeating: 0, count: channels * channels), channels: channels, tokenCount: 0)
    }

    package func gram() -> GramMatrix { self }
}
