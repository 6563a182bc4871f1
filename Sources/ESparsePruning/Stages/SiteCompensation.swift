// The weight update of the linears of one input site: they share the Hessian's factor.

package import ESparseCore
import ESparseFormats

/// Masks and updates the weights of linears that read the same input.
package struct SiteCompensation: Sendable {
    private let update: WeightUpdate
    private let factor: InverseFactor
    private let order: Permutation?
    /// Dead channels in the order of `order`.
    private let isDead: [Bool]

    /// Updates by a factor of the damped Hessian's inverse.
    ///
    /// - Parameters:
    ///   - factor: channels in the order of `order`.
    ///   - isDead: channels that carried nothing but zeros, `[C]`, in their original order.
    package init(_ update: WeightUpdate, factor: InverseFactor, isDead: [Bool], order: Permutation?) {
        self.update = update
        self.factor = factor
        self.order = order
        self.isDead = order?.applied(to: isDead) ?? isDead
    }

    /// A weight after the update and its mask, columns of both in the order of the site.
    package struct Result {
        /// `[R, C]`, of the original's element type; dropped weights are 0.
        package let weight: Tensor
        /// `[R, (C + 7) / 8]`
        package let bits: [UInt8]
        /// How much the outputs' squared error grows by the update's own estimate: mean over tokens, summed over rows.
        package let error: Double
    }

    /// Drops and updates the weights `[R, C]` of one linear, which are in the original order.
    ///
    /// - Parameters:
    ///   - name: of the linear, for errors.
    ///   - saliency: `[R, C]` in the original order; not read where the update chooses by the loss.
    /// - Throws: `PruningError.updateOverflows` where a weight outgrows its element type; the tensor's error where the
    ///   weights are no floating-point numbers.
    package func apply(
        to weight: Tensor, of name: String, saliency: [Float], pattern: SparsityPattern, parallel: ParallelLoop
    ) throws -> Result {
        var values = try weight.floats(in: order)
        let importance = update.maskChoice == .saliency ? importance(of: values, saliency: saliency) : nil
        for channel in isDead.indices where isDead[channel] {
            for row in 0..<weight.rows { values[row * weight.columns + channel] = 0 }
        }
        let sweep = CompensatingSweep(factor: factor, pattern: pattern, blockSize: update.blockSize)
        let (bits, error) = sweep.run(
            weight: &values, rows: weight.rows, importance: importance, parallel: parallel)
        let stored = try Tensor(values, shape: weight.shape).converted(to: weight.elementType)
        if let index = firstNonFinite(in: stored) {
            let channel = order.map { Int($0.order[index % weight.columns]) } ?? index % weight.columns
            throw PruningError.updateOverflows(
                linear: name, row: index / weight.columns, column: channel, type: weight.elementType)
        }
        return Result(weight: stored, bits: bits, error: error)
    }

    /// `S_ij / |W_ij|` in the order of the site; 0 for a zero weight, whatever it grows to. `values` are in that order,
    /// `saliency` is in the original one.
    private func importance(of values: [Float], saliency: [Float]) -> [Float] {
        precondition(values.count == saliency.count)
        let columns = isDead.count
        let order = order?.order ?? Permutation.identity(columns).order
        var importance = [Float](repeating: 0, count: values.count)
        for start in stride(from: 0, to: values.count, by: columns) {
            for (column, channel) in order.enumerated() where values[start + column] != 0 {
                importance[start + column] = saliency[start + Int(channel)] / abs(values[start + column])
            }
        }
        return importance
    }
}
