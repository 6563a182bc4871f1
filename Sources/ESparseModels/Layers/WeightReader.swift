// Taking tensors from a checkpoint: present, of the right shape and type, or an error that says what is wrong.

package import ESparseCore

/// Reads a model's tensors and checks their names, shapes and types, but not their values.
package struct WeightReader {
    private let source: any WeightSource

    /// Reads from a checkpoint.
    package init(_ source: any WeightSource) {
        self.source = source
    }

    /// A dense floating-point tensor of exactly this shape.
    ///
    /// - Throws: `ModelError` when it is missing or different; the source's error when it is damaged.
    package func tensor(_ name: String, shape: [Int]) throws -> Tensor {
        try checkShape(name, shape)
        let tensor = try source.tensor(name)
        try check(tensor, name, shape)
        return tensor
    }

    /// A tensor that some models do not have.
    package func tensor(ifNamed name: String?, shape: [Int]) throws -> Tensor? {
        try name.map { try tensor($0, shape: shape) }
    }

    /// A linear's weight, dense or sparse; an order that changes nothing is left out.
    ///
    /// - Throws: `ModelError` when it is missing or different; the source's error when it is damaged.
    package func linear(_ linear: LinearDescription) throws -> LinearWeight {
        try checkShape(linear.name, linear.shape)
        let weight = try source.linearWeight(linear.name)
        switch weight.matrix {
        case .dense(let tensor):
            try check(tensor, linear.name, linear.shape)
        case .sparse(let matrix):
            guard [matrix.rows, matrix.columns] == linear.shape else {
                throw ModelError.wrongShape(
                    linear.name, found: [matrix.rows, matrix.columns], expected: linear.shape)
            }
        }
        guard let permutation = weight.permutation, !permutation.isIdentity else {
            return LinearWeight(matrix: weight.matrix)
        }
        guard permutation.count == linear.columns else {
            throw ModelError.permutationNotPossible(
                linear.name,
                reason: "it orders \(permutation.count) channels, but the linear has \(linear.columns)")
        }
        return weight
    }

    /// The weights of linears that read one input, and the order in which all of them expect it.
    ///
    /// - Throws: `ModelError` when they disagree.
    package func site(_ site: InputSite) throws -> (weights: [LinearDescription: LinearWeight], order: Permutation?) {
        var weights: [LinearDescription: LinearWeight] = [:]
        for linear in site.linears { weights[linear] = try self.linear(linear) }
        let order = weights[site.linears[0]]?.permutation
        for linear in site.linears where weights[linear]?.permutation != order {
            throw ModelError.permutationMismatch(site.linears[0].name, linear.name)
        }
        guard let order else { return (weights, nil) }
        switch site.shuffle {
        case .atRunTime:
            return (weights, order)
        case .inProducers(let producers):
            throw ModelError.permutationNotPossible(
                site.linears[0].name,
                reason:
                    "the rows of \(producers.linears.map(\.name).joined(separator: " and ")) must be in that order already"
            )
        case .impossible:
            throw ModelError.permutationNotPossible(
                site.linears[0].name, reason: "in this model it reads the residual stream, not a norm's output")
        }
    }

    private func checkShape(_ name: String, _ shape: [Int]) throws {
        guard let found = source.shape(of: name) else { throw ModelError.missingTensor(name, expected: shape) }
        guard found == shape else { throw ModelError.wrongShape(name, found: found, expected: shape) }
    }

    private func check(_ tensor: Tensor, _ name: String, _ shape: [Int]) throws {
        guard tensor.shape == shape else {
            throw ModelError.wrongShape(name, found: tensor.shape, expected: shape)
        }
        guard tensor.elementType.isFloatingPoint else {
            throw ModelError.wrongElementType(name, found: tensor.elementType)
        }
    }
}
