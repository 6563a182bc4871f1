// The Hessian of a linear's squared output error, from its inputs' sums of products, and its damped factor.

package import ESparseCore

/// `H = 2 / T * X^T X` over the calibration tokens of one input site: the second derivative, in the weights of any row, of
/// the mean over tokens of the row's squared output error.
extension GramMatrix {
    /// Channels that carried nothing but zeros, `[C]`.
    package var isDead: [Bool] { (0..<channels).map { values[$0 * (channels + 1)] == 0 } }

    /// The factor of H's inverse, channels in the order of `order`.
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
        guard let (matrix, diagonal) = orderedHessian(order) else { throw .unusableHessian(site: site) }
        var tried = damping
        while tried <= 1000 {
            let damped = Self.replacingDiagonal(of: matrix, by: diagonal.damped(by: tried))
            if let factor = InverseFactor(damped, channels: channels) { return (factor, tried) }
            tried *= 10
        }
        throw .unusableHessian(site: site)
    }

    /// H itself, `[C, C]`, both triangles, damped once as `factor` does it; nil where sums overflowed.
    package func hessian(order: Permutation?, damping: Double) -> [Float]? {
        orderedHessian(order).map { Self.replacingDiagonal(of: $0.matrix, by: $0.diagonal.damped(by: damping)) }
    }

    /// H with channels in the order of `order`, and its diagonal without dead channels; nil where sums overflowed.
    private func orderedHessian(_ order: Permutation?) -> (matrix: [Float], diagonal: HessianDiagonal)? {
        let count = channels
        let order = order?.order ?? Permutation.identity(count).order
        precondition(order.count == count && tokenCount > 0)
        let scale = 2 / Float(tokenCount)
        var matrix = [Float](repeating: 0, count: count * count)
        let sums = values.span
        for row in 0..<count {
            let source = Int(order[row])
            for column in 0...row {
                let other = Int(order[column])
                let value = scale * sums[max(source, other) * count + min(source, other)]
                matrix[row * count + column] = value
                matrix[column * count + row] = value
            }
        }
        return HessianDiagonal((0..<count).map { matrix[$0 * (count + 1)] }).map { (matrix, $0) }
    }

    private static func replacingDiagonal(of matrix: [Float], by diagonal: [Float]) -> [Float] {
        var replaced = matrix
        for (channel, value) in diagonal.enumerated() { replaced[channel * (diagonal.count + 1)] = value }
        return replaced
    }
}
