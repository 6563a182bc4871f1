// The Hessian of a linear's squared output error, and its damped factor: what SparseGPT needs to know.

package import ESparseCore
package import ESparseKernels

/// `H = 2 / T * X^T X` over the calibration tokens of one input site: the second derivative, in the weights of any row, of
/// the mean over tokens of the row's squared output error.
package struct Hessian: Sendable {
    private var gram: GramMatrix
    private var tokenCount = 0

    /// Starts with no tokens.
    package init(channelCount: Int) { gram = GramMatrix(channels: channelCount) }

    /// Adds one sequence, row-major `[T, C]`, on the threads of `kernels`.
    package mutating func appendSequence(_ values: Span<Float>, using kernels: ChannelKernels) {
        kernels.accumulate(values, into: &gram)
        tokenCount += values.count / gram.channels
    }

    /// Channels that carried nothing but zeros, `[C]`.
    package var isDead: [Bool] { (0..<gram.channels).map { gram.values[$0 * (gram.channels + 1)] == 0 } }

    /// The factor of the inverse, channels in the order of `order`.
    ///
    /// Dead channels get the mean of the others on the diagonal, then `damping` times that mean is added to all of it, so that
    /// the scale of the inputs does not matter. (SparseGPT's code gives dead channels 1 and counts them in the mean; with small
    /// inputs that 1 would decide the damping.) Where that is not positive definite, ten times as much is tried, until 1000.
    ///
    /// - Returns: the factor and the damping that it took.
    /// - Throws: `PruningError.unusableHessian` naming `site`, when sums overflowed.
    package func factor(
        order: Permutation?, damping: Double, site: String
    ) throws(PruningError) -> (factor: InverseFactor, damping: Double) {
        let count = gram.channels
        let order = order?.order ?? Permutation.identity(count).order
        precondition(order.count == count && tokenCount > 0)
        let scale = 2 / Float(tokenCount)
        var matrix = [Float](repeating: 0, count: count * count)
        let values = gram.values.span
        for row in 0..<count {
            let source = Int(order[row])
            for column in 0...row {
                let other = Int(order[column])
                matrix[row * count + column] = scale * values[max(source, other) * count + min(source, other)]
            }
        }
        let live = (0..<count).map { Double(matrix[$0 * (count + 1)]) }.filter { $0 != 0 }
        let mean = live.isEmpty ? 1 : live.reduce(0, +) / Double(live.count)
        guard mean.isFinite else { throw .unusableHessian(site: site) }
        for channel in 0..<count where matrix[channel * (count + 1)] == 0 {
            matrix[channel * (count + 1)] = Float(mean)
        }
        var tried = damping
        while tried <= 1000 {
            var damped = matrix
            let addend = Float(tried * mean)
            for channel in 0..<count { damped[channel * (count + 1)] += addend }
            if let factor = InverseFactor(damped, channels: count) { return (factor, tried) }
            tried *= 10
        }
        throw .unusableHessian(site: site)
    }
}
