// Which tensors of a model read or write the residual stream, and so follow an order of its channels.

/// Along which of its dimensions a tensor holds the channels of the residual stream.
package enum ResidualAxis: Sendable {
    /// Along the first: what is written to the stream, and norms of it.
    case rows
    /// Along the last of two: what reads the stream, and tables whose rows are tokens' or positions' channels.
    case columns
}

extension ModelArchitecture {
    /// The axis of every tensor that holds channels of the residual stream, by name.
    ///
    /// A model whose tensors all have their channels in another order along these axes computes the same: norms of all channels
    /// do not depend on the order, sums over channels only by rounding, and nothing else sees single channels. So a layer may
    /// touch the stream by the linears of its first site, by linears that are marked as writing it, and by norms only.
    ///
    /// - Throws: `ModelError.orderNotAbsorbable` where a tensor that serves two purposes would need two orders.
    package func residualAxes() throws(ModelError) -> [String: ResidualAxis] {
        var axes: [String: ResidualAxis] = [:]
        var unmoved: Set<String> = []
        func add(_ tensors: [TensorDescription], _ axis: ResidualAxis) throws(ModelError) {
            for tensor in tensors {
                guard axes.updateValue(axis, forKey: tensor.name) ?? axis == axis, !unmoved.contains(tensor.name) else {
                    throw .orderNotAbsorbable(modelType: modelType, tensor: tensor.name)
                }
            }
        }
        func addReader(_ linear: LinearDescription) throws(ModelError) {
            try add([linear.tensors[0]], .columns)
        }
        if let projection = embedding.projection {
            unmoved.insert(embedding.name)
            try add(projection.tensors, .rows)
        } else {
            try add([embedding.tensors[0]], .columns)
        }
        if let positions = embedding.positions {
            try add(embedding.tensors.filter { $0.name == positions.name }, .columns)
        }
        for block in blocks {
            for layer in block.layers {
                try add(layer.normalizations.flatMap(\.tensors), .rows)
                for linear in layer.sites.first?.linears ?? [] { try addReader(linear) }
                for linear in layer.sites.flatMap(\.linears) where linear.writesResidual {
                    try add(linear.tensors, .rows)
                }
            }
        }
        try add(head.normalization?.tensors ?? [], .rows)
        if let projection = head.projection {
            try addReader(projection)
            if axes[head.name] != nil { throw .orderNotAbsorbable(modelType: modelType, tensor: head.name) }
        } else {
            try add([TensorDescription(name: head.name, shape: [], role: .linear)], .columns)
        }
        return axes
    }
}
