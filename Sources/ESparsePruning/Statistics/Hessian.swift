// The Hessian of a linear's squared output error, and its damped factor: what SparseGPT needs to know.

package import ESparseCPU
package import ESparseCore

/// `H = 2 / T * X^T X` over the calibration tokens of one input site: the second derivative, in the weights of any row, of
/// the mean over tokens of the row's squared output error.
package struct Hessian: ChannelProducts {
    private var gram: GramMatrix
    /// Tokens that were summed.
    package private(set) var tokenCount = 0

    /// Takes sums from where they were gathered.
    ///
    /// - Throws: when a device fails.
    package init(_ products: any ChannelProducts) throws {
        if let hessian = products as? Hessian {
            self = hessian
        } else {
            gram = GramMatrix(try products.values(), channels: products.channels)
            tokenCount = products.tokenCount
        }
    }

    /// Starts with no tokens.
    package init(channelCount: Int) { gram = GramMatrix(channels: channelCount) }

    /// C: channels of the site.
    package var channels: Int { gram.channels }

    /// The sums, `[C, C]`, row-major; what lies above the diagonal means nothing.
    package func values() -> [Float] { gram.values }

    /// Adds one sequence, row-major `[T, C]`, on the threads of `kernels`.
    package mutating func appendSequence(_ values: Span<Float>, using kernels: ChannelKernels) {
        kernels.accumulate(values, into: &gram)
        tokenCount += values.count / gram.channels
    }

    /// The sum over tokens and rows of the squared outputs of `weight` `[rows, C]`.
    func outputEnergy(of weight: [Float], rows: Int, parallel: ParallelLoop) -> Double {
        gram.outputEnergy(of: weight, rows: rows, parallel: parallel)
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
        guard let (matrix, diagonal) = ordered(order) else { throw .unusableHessian(site: site) }
        var tried = damping
        while tried <= 1000 {
            let damped = Self.matrix(matrix, diagonal: diagonal.damped(by: tried))
            if let factor = InverseFactor(damped, channels: gram.channels) { return (factor, tried) }
            tried *= 10
        }
        throw .unusableHessian(site: site)
    }

    /// The matrix itself, `[C, C]`, both triangles, damped once as `factor` does it; nil where sums overflowed.
    package func matrix(order: Permutation?, damping: Double) -> [Float]? {
        ordered(order).map { Self.matrix($0.matrix, diagonal: $0.diagonal.damped(by: damping)) }
    }

    /// `H` with channels in the order of `order`, and its diagonal without dead channels. Nil where sums overflowed.
    private func ordered(_ order: Permutation?) -> (matrix: [Float], diagonal: HessianDiagonal)? {
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
                let value = scale * values[max(source, other) * count + min(source, other)]
                matrix[row * count + column] = value
                matrix[column * count + row] = value
            }
        }
        return HessianDiagonal((0..<count).map { matrix[$0 * (count + 1)] }).map { (matrix, $0) }
    }

    private static func matrix(_ matrix: [Float], diagonal: [Float]) -> [Float] {
        var replaced = matrix
        for (channel, value) in diagonal.enumerated() { replaced[channel * (diagonal.count + 1)] = value }
        return replaced
    }
}
