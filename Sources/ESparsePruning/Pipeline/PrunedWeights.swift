// What pruning made of one block, and the source's weights with it in their place, to run the block as it will be stored.

import ESparseCore
import ESparseFormats

/// What became of one block's weights.
struct PrunedBlock: Sendable {
    /// Linear weights that changed, by logical name.
    var linears: [String: LinearWeight] = [:]
    /// Biases that changed because their rows were permuted, by name.
    var biases: [String: Tensor] = [:]
    /// The order of sites' channels that lies in the rows of the linears before, by the site's name.
    var orderedRows: [String: Permutation] = [:]
    /// Records of the pruned linears for the manifest.
    var records: [PrunedLinear] = []
    /// What was seen and done at each site, where that is gathered.
    var diagnostics: [SiteDiagnostics] = []
}

/// A source in which some linears and biases were replaced.
struct PrunedWeights: WeightSource {
    let source: any WeightSource
    let pruned: PrunedBlock

    var tensorNames: [String] { source.tensorNames }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func checkElementType(of name: String) throws { try source.checkElementType(of: name) }

    func tensor(_ name: String) throws -> Tensor { try pruned.biases[name] ?? source.tensor(name) }

    func linearWeight(_ name: String) throws -> LinearWeight { try pruned.linears[name] ?? source.linearWeight(name) }
}
