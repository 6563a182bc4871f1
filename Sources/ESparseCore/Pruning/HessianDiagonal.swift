// The diagonal of a site's Hessian, ready to be damped, wherever the rest of the matrix lies.

/// A Hessian's diagonal in which channels that carried nothing but zeros have the mean of the others.
package struct HessianDiagonal: Sendable {
    /// One value a channel, `[C]`.
    package let values: [Float]
    /// Mean over the channels that carried something, and 1 where none did: the unit of damping.
    package let mean: Double

    /// Takes the diagonal as summed, `[C]`; nil where sums overflowed.
    package init?(_ stored: [Float]) {
        let live = stored.map { Double($0) }.filter { $0 != 0 }
        let mean = live.isEmpty ? 1 : live.reduce(0, +) / Double(live.count)
        guard mean.isFinite else { return nil }
        self.mean = mean
        values = stored.map { $0 == 0 ? Float(mean) : $0 }
    }

    /// The diagonal with `share` times the mean added, `[C]`.
    package func damped(by share: Double) -> [Float] {
        let addend = Float(share * mean)
        return values.map { $0 + addend }
    }
}
