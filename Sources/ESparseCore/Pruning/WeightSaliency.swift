// The saliencies of one linear on a device: the masks they choose, and what the shuffle asks about several of them.

/// How much each weight `[rows, columns]` of one linear matters.
///
/// Linears that read one input share a shuffle, so the static functions take all of them: their rows are stacked.
package protocol WeightSaliency: Sendable {
    /// How the device fails; `Never` in the processor's memory.
    associatedtype Failure: Error
    /// Tells what swaps of channels gain.
    associatedtype Swaps: SwapTable where Swaps.Failure == Failure

    /// Output channels.
    var rows: Int { get }
    /// Input channels.
    var columns: Int { get }
    /// The saliencies on the host, row-major, in the original order of columns.
    ///
    /// - Throws: when the device fails.
    func hostValues() throws(Failure) -> [Float]
    /// Row-major index of the first saliency that is not finite.
    ///
    /// - Throws: when the device fails.
    func firstNonFinite() throws(Failure) -> Int?
    /// Bits of the N:M mask, `[rows, (columns + 7) / 8]` in permuted order as `SparseMatrix` holds them: of each group the N largest
    /// saliencies, ties the lower place.
    ///
    /// - Throws: when the device fails.
    func maskBits(pattern: SparsityPattern, order: Permutation?, parallel: ParallelLoop) throws(Failure) -> [UInt8]
    /// The share of all saliency that bits of a mask in the order `order` keep; nil where all of it is 0.
    ///
    /// - Throws: when the device fails.
    func retainedShare(bits: [UInt8], order: Permutation?) throws(Failure) -> Double?

    /// How many blocks of the local shuffle make their swaps in step, so that one call gives the gains of all.
    static var blocksInStep: Int { get }
    /// Sum of each column over the rows of all linears, in order, `[columns]`; there is at least one linear.
    ///
    /// - Throws: when the device fails.
    static func columnSums(of saliencies: [Self]) throws(Failure) -> [Double]
    /// Lays the rows of all linears, at least one, out for swaps inside blocks; a block is the channels in its slots.
    ///
    /// - Throws: when the device fails.
    static func swapTable(
        of saliencies: [Self], blocks: [[Int32]], pattern: SparsityPattern
    ) throws(Failure) -> Swaps
}
