// The source's weights with one block's pruned linears in their place, to run the block as it will be stored.

import ESparseCore

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
