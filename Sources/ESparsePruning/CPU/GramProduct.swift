// Sums of products of channels on the processor: one product of matrices a sequence, by oneDNN.

import CESparseDNNL
package import ESparseCore

extension GramMatrix {
    /// Rows of the matrix that one thread computes at a time, up to the diagonal's block.
    private static let strip = 256

    /// Adds one sequence, row-major `[T, C]`. The threads of `kernels` split the matrix.
    ///
    /// oneDNN sums a sequence's products, which are then added to the totals: the result depends on how tokens are cut into
    /// sequences, but not on the threads.
    package mutating func appendSequence(_ sequence: Span<Float>, using kernels: ChannelKernels) {
        let channels = channels
        precondition(sequence.count % channels == 0, "values do not fill rows of \(channels) channels")
        let tokens = sequence.count / channels
        tokenCount += tokens
        unsafe sequence.withUnsafeBufferPointer { sequence in
            unsafe values.withUnsafeMutableBufferPointer { sums in
                guard let sequence = sequence.baseAddress, let sums = sums.baseAddress else { return }
                nonisolated(unsafe) let pointers = unsafe (sequence, sums)
                // The longest strips, at the bottom, come first.
                let count = (channels + Self.strip - 1) / Self.strip
                kernels.forEach(count) { index in
                    let first = (count - 1 - index) * Self.strip
                    let end = min(first + Self.strip, channels)
                    let stride = Int64(channels)
                    let code = unsafe esparse_dnnl_sgemm(
                        1, Int64(end - first), Int64(end), Int64(tokens), 1, pointers.0 + first, stride, pointers.0,
                        stride, 1, pointers.1 + first * channels, stride)
                    precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
                }
            }
        }
    }
}
