// A dense model with the channels of its residual stream in another order: the same model, as another checkpoint.

package import ESparseCore
package import ESparseModels

/// A source's weights in an order of the residual stream, one tensor at a time.
///
/// It is an ordinary model: whoever runs or prunes it need not know.
package struct AbsorbedWeights: WeightSource {
    private let source: any WeightSource
    private let axes: [String: ResidualAxis]
    private let order: Permutation

    /// Puts channel `order[j]` of the residual stream at place `j`, in all tensors of the model.
    ///
    /// - Parameters:
    ///   - source: a dense model's weights, which have the shapes that `architecture` calls for.
    ///   - architecture: the model.
    ///   - order: of its `hiddenSize` channels.
    /// - Throws: `ModelError.orderNotAbsorbable`.
    package init(source: any WeightSource, architecture: ModelArchitecture, order: Permutation) throws(ModelError) {
        precondition(order.count == architecture.hiddenSize)
        self.source = source
        self.order = order
        axes = try architecture.residualAxes()
    }

    /// The source's names.
    package var tensorNames: [String] { source.tensorNames }

    /// The source's shapes.
    package func shape(of name: String) -> [Int]? { source.shape(of: name) }

    /// The source's.
    package func checkElementType(of name: String) throws { try source.checkElementType(of: name) }

    /// A copy in the new order, or the source's tensor where it does not touch the residual stream.
    package func tensor(_ name: String) throws -> Tensor {
        let tensor = try source.tensor(name)
        switch axes[name] {
        case .rows: return tensor.gatheringRows(order.order)
        case .columns: return tensor.gatheringColumns(order.order)
        case nil: return tensor
        }
    }

    /// The same as a linear's weight.
    package func linearWeight(_ name: String) throws -> LinearWeight {
        LinearWeight(matrix: .dense(try tensor(name)))
    }
}
