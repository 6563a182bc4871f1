// A linear layer: its description and its loading.

package import ESparseCore

/// A linear layer `y = x W^T + b`.
package struct LinearDescription: Sendable, Hashable {
    /// Name of the weight `[rows, columns]`, ending in `.weight`.
    package let name: String
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// Whether there is a bias `[rows]`.
    package let hasBias: Bool
    /// Whether the output is added to the residual stream.
    package let writesResidual: Bool

    /// Describes the linear called `module`, whose tensors are `module.weight` and, if any, `module.bias`.
    package init(_ module: String, rows: Int, columns: Int, hasBias: Bool, writesResidual: Bool = false) {
        name = module + ".weight"
        self.rows = rows
        self.columns = columns
        self.hasBias = hasBias
        self.writesResidual = writesResidual
    }

    /// Name of the bias `[rows]`, if any.
    package var biasName: String? { hasBias ? name.dropLast("weight".count) + "bias" : nil }

    /// Shape of the weight.
    package var shape: [Int] { [rows, columns] }

    /// The weight and the bias.
    package var tensors: [TensorDescription] {
        [TensorDescription(name: name, shape: shape, role: writesResidual ? .residualLinear : .linear)]
            + (biasName.map { [TensorDescription(name: $0, shape: [rows], role: .bias)] } ?? [])
    }
}

extension Backend {
    /// Loads the products of a site, in the site's order, and tells the order in which all of them expect their input.
    ///
    /// - Throws: as `WeightReader.site`; errors of the backend.
    package func prepare(_ site: InputSite, _ reader: WeightReader) throws -> (
        linears: [PreparedLinear], order: Permutation?
    ) {
        let (weights, order) = try reader.site(site)
        let linears = try site.products.map { product in
            guard let weight = weights[product.linear] else {
                preconditionFailure("a site's products are rows of its linears")
            }
            return try prepare(product, weight, reader)
        }
        return (linears, order)
    }

    /// Loads a linear outside the decoder blocks, whose input is in its original order.
    ///
    /// - Throws: `ModelError` when the weight is missing or different; errors of the source and the backend.
    func prepare(_ linear: LinearDescription, _ reader: WeightReader) throws -> PreparedLinear {
        let weight = try reader.linear(linear)
        guard weight.permutation == nil else {
            throw ModelError.permutationNotPossible(linear.name, reason: "it is not part of a decoder block")
        }
        return try prepare(LinearRows(linear), weight, reader)
    }

    private func prepare(
        _ product: LinearRows, _ weight: LinearWeight, _ reader: WeightReader
    ) throws -> PreparedLinear {
        let bias = try reader.tensor(ifNamed: product.linear.biasName, shape: [product.linear.rows])
        return try prepareLinear(product.part(of: weight), bias: bias.map(product.part))
    }
}
