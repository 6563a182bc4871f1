// A pruned checkpoint with some of its sites dense again, to measure what leaving them dense would gain.

package import ESparseCore
import ESparseFormats
package import ESparseModels

/// The weights of a run that pruned every site, and dense ones in the place of some.
package struct AssembledWeights: WeightSource {
    /// Dense weights as the output stores them.
    private let source: any WeightSource
    private let pruned: any WeightSource
    private let dense: Set<String>
    /// The order in which the pruned checkpoint has a dense linear's rows or columns, where a site's shuffle lies in the rows
    /// of the linears before it.
    private let rowOrders: [String: [Int32]]
    private let columnOrders: [String: [Int32]]

    /// Puts back the linears of the sites that `isDense` names, by block and site.
    ///
    /// - Parameters:
    ///   - source: dense weights, in the order of the residual stream that `pruned` has.
    ///   - pruned: the weights of the run.
    ///   - architecture: of both.
    ///   - orderedRows: of each block, the order in `pruned` of the rows that stand for a site's shuffled channels, by the site's
    ///     name; none for a site whose channels keep theirs.
    ///   - producers: whose rows they are; nil for a site whose shuffle does not lie in rows.
    ///   - isDense: chooses the sites, by block and name.
    package init(
        source: any WeightSource, pruned: any WeightSource, architecture: ModelArchitecture,
        orderedRows: [[String: Permutation]], producers: (InputSite) -> ChannelProducers?,
        isDense: (Int, String) -> Bool
    ) {
        self.source = source
        self.pruned = pruned
        var dense: Set<String> = []
        var rowOrders: [String: [Int32]] = [:]
        var columnOrders: [String: [Int32]] = [:]
        for (index, block) in architecture.blocks.enumerated() {
            for site in block.sites {
                if isDense(index, site.name) { dense.formUnion(site.linears.map(\.name)) }
                guard let producers = producers(site), let order = orderedRows[index][site.name] else { continue }
                for linear in producers.linears {
                    rowOrders[linear.name] = producers.rowOrder(order, of: linear)
                }
                for linear in site.linears { columnOrders[linear.name] = producers.channelOrder(order).order }
            }
        }
        self.dense = dense
        self.rowOrders = rowOrders
        self.columnOrders = columnOrders
    }

    /// The dense model's names.
    package var tensorNames: [String] { source.tensorNames }

    /// The dense model's shapes.
    package func shape(of name: String) -> [Int]? { source.shape(of: name) }

    /// The source's.
    package func checkElementType(of name: String) throws { try source.checkElementType(of: name) }

    /// A tensor of the pruned checkpoint.
    package func tensor(_ name: String) throws -> Tensor { try pruned.tensor(name) }

    /// A weight of the pruned checkpoint, or the dense one in the pruned checkpoint's order of rows and columns.
    package func linearWeight(_ name: String) throws -> LinearWeight {
        guard dense.contains(name) else { return try pruned.linearWeight(name) }
        var weight = try source.tensor(name)
        if let order = rowOrders[name] { weight = weight.gatheringRows(order) }
        if let order = columnOrders[name] { weight = weight.gatheringColumns(order) }
        return LinearWeight(matrix: .dense(weight))
    }
}
