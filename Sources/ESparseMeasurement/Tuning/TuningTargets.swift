// The kinds of sparse linear that a model has, or would have once pruned.

package import ESparseCore
package import ESparseModels

extension TuningTarget {
    /// The kinds of linear in a model's decoder blocks, each once: packed ones as they are, dense ones as they would be if
    /// pruned to each of `patterns` that divides their columns.
    ///
    /// - Throws: the format's error for a damaged tensor.
    package static func targets(
        of architecture: ModelArchitecture, weights: any WeightSource, patterns: [SparsityPattern]
    ) throws -> [TuningTarget] {
        try architecture.validate(weights)
        var seen: Set<TuningTarget> = []
        var targets: [TuningTarget] = []
        for product in architecture.blocks.flatMap({ $0.sites.flatMap(\.products) }) {
            let weight = try product.part(of: weights.linearWeight(product.linear.name))
            let found: [TuningTarget]
            switch weight.matrix {
            case .sparse(let matrix):
                found = [
                    TuningTarget(
                        rows: matrix.rows, columns: matrix.columns, pattern: matrix.pattern,
                        elementType: matrix.values.elementType)
                ]
            case .dense(let tensor):
                found = patterns.filter { tensor.columns % $0.group == 0 }.map {
                    TuningTarget(
                        rows: tensor.rows, columns: tensor.columns, pattern: $0, elementType: tensor.elementType)
                }
            }
            for target in found where seen.insert(target).inserted { targets.append(target) }
        }
        return targets
    }

    /// bf16 linears of given shapes with each of `patterns`.
    ///
    /// - Throws: `MeasurementError.indivisible`.
    package static func targets(
        of shapes: [GemmShape], patterns: [SparsityPattern]
    ) throws(MeasurementError) -> [TuningTarget] {
        var targets: [TuningTarget] = []
        for shape in shapes {
            for pattern in patterns {
                guard shape.columns % pattern.group == 0 else {
                    throw .indivisible(shape: shape.name, pattern: pattern)
                }
                let target = TuningTarget(
                    rows: shape.rows, columns: shape.columns, pattern: pattern, elementType: .bfloat16)
                if !targets.contains(target) { targets.append(target) }
            }
        }
        return targets
    }
}
