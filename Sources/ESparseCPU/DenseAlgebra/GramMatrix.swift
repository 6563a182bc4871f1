// Sums of products of every two channels: the second-order statistics of an input site.

import CESparseDNNL

/// `sum over tokens of x_i x_j` for channels `j <= i`, in single precision.
///
/// Each call's products are summed by oneDNN and added to the totals, so the result depends on how the tokens are cut in
/// calls (always one sequence a call), but not on the threads.
package struct GramMatrix: Sendable {
    /// C: channels.
    package let channels: Int
    /// `[C, C]`, row-major; what lies above the diagonal means nothing.
    package fileprivate(set) var values: [Float]

    /// Takes sums, `[C, C]`, row-major, from where they were gathered.
    package init(_ values: [Float], channels: Int) {
        precondition(channels > 0 && values.count == channels * channels)
        self.channels = channels
        self.values = values
    }

    /// Starts with no tokens.
    package init(channels: Int) {
        precondition(channels > 0)
        self.channels = channels
        values = [Float](repeating: 0, count: channels * channels)
    }
}

extension ChannelKernels {
    /// Rows of the matrix that one thread computes at a time, up to the diagonal's block.
    private static let gramStrip = 256

    /// Adds values `[tokens, channels]`, row-major. Threads split the matrix.
    package func accumulate(_ values: Span<Float>, into gram: inout GramMatrix) {
        let channels = gram.channels
        precondition(values.count % channels == 0, "values do not fill rows of \(channels) channels")
        let tokens = Int64(values.count / channels)
        unsafe values.withUnsafeBufferPointer { values in
            unsafe gram.values.withUnsafeMutableBufferPointer { sums in
                guard let values = values.baseAddress, let sums = sums.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (values, sums)
                // The longest strips, at the bottom, come first.
                let count = (channels + Self.gramStrip - 1) / Self.gramStrip
                forEach(count) { index in
                    let first = (count - 1 - index) * Self.gramStrip
                    let end = min(first + Self.gramStrip, channels)
                    let stride = Int64(channels)
                    let code = unsafe esparse_dnnl_sgemm(
                        1, Int64(end - first), Int64(end), tokens, 1, pointers.0 + first, stride, pointers.0, stride, 1,
                        pointers.1 + first * channels, stride)
                    precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
                }
            }
        }
    }
}
