// What must hold of a site's statistics before anything is pruned by them.

public import ESparseCore

extension RangeStatistics {
    /// Checks that there are tokens and that every value seen is finite.
    ///
    /// - Throws: `PruningError` naming `site`.
    public func validate(site: String) throws(PruningError) {
        guard tokenCount > 0 else { throw .noCalibrationTokens(site: site) }
        // A NaN or an infinity stays in the sum of squares; squares of finite singles cannot overflow a double.
        if let channel = sumOfSquares.firstIndex(where: { !$0.isFinite }) {
            throw .nonFiniteActivation(site: site, channel: channel)
        }
    }
}
