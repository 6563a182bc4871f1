// What `esparse benchmark gemm` says: JSON and a table of all points, each with a backend's own columns.

import ESparseCore
import ESparseReport

/// One measured point: a shape, a number of tokens and a pattern.
package struct GemmPoint: Sendable {
    /// One side of the comparison.
    package struct Side: Sendable {
        let kernel: String
        let seconds: Double
        /// Bytes of the weights as they are read.
        let weightBytes: Int
    }

    let shape: GemmShape
    let tokens: Int
    let pattern: SparsityPattern
    /// The sparse linear with the kernel that a model runs.
    let sparse: Side
    /// Why that kernel was chosen.
    let reason: KernelReason
    /// Bytes of another form of the sparse weights, which some of their kernels read; 0 where there is none.
    let secondFormBytes: Int
    /// All kernels of the sparse linear that were timed.
    package let kernels: [(name: String, seconds: Double)]
    /// The dense sides, of which the first is what speed-ups are over.
    let dense: [Side]
    /// The largest root mean square difference of a sparse kernel's result from the first dense one, relative.
    let difference: Double

    /// How many times faster the sparse side is than the first dense one.
    var speedup: Double { dense[0].seconds / sparse.seconds }
    /// Multiply-adds of the dense product, counted as two.
    var operations: Double { 2 * Double(shape.rows) * Double(shape.columns) * Double(tokens) }

    /// Members of the JSON object that every backend's points have.
    fileprivate var members: [String: (any Encodable)?] {
        [
            "model": shape.model, "layer": shape.layer, "rows": shape.rows, "columns": shape.columns, "tokens": tokens,
            "pattern": pattern, "speedup": speedup, "difference": difference,
            "sparse_kernel": sparse.kernel, "sparse_seconds": sparse.seconds, "sparse_weight_bytes": sparse.weightBytes,
            "dense_seconds": dense[0].seconds, "dense_weight_bytes": dense[0].weightBytes,
        ]
    }
}

/// What a backend's report says beyond the figures that all backends have.
package struct GemmLayout: Sendable {
    /// A column of the table.
    package struct Column: Sendable {
        let header: String
        let cell: @Sendable (GemmPoint) -> String
    }

    /// The lines above the table.
    let heading: String
    /// What the points ran on: members of the JSON object beside "results".
    let members: @Sendable () -> [String: (any Encodable)?]
    /// Members of a point's JSON object beside those of every backend.
    let pointMembers: @Sendable (GemmPoint) -> [String: (any Encodable)?]
    /// The table's columns, in order.
    let columns: [Column]
    /// What follows the table.
    let ending: @Sendable ([GemmPoint]) -> String

    /// Puts a layout together.
    package init(
        heading: String, members: @escaping @Sendable () -> [String: (any Encodable)?],
        pointMembers: @escaping @Sendable (GemmPoint) -> [String: (any Encodable)?], columns: [Column],
        ending: @escaping @Sendable ([GemmPoint]) -> String = { _ in "" }
    ) {
        self.heading = heading
        self.members = members
        self.pointMembers = pointMembers
        self.columns = columns
        self.ending = ending
    }
}

/// The results of a run with what they belong to.
package struct GemmReport: Sendable, Encodable {
    let layout: GemmLayout
    /// All points, in order of shape, pattern and tokens.
    package let results: [GemmPoint]

    /// Encodes what the points ran on, and "results", an array of flat objects.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: JSONKey.self)
        try container.encode(layout.members())
        var points = container.nestedUnkeyedContainer(forKey: JSONKey("results"))
        for point in results {
            var object = points.nestedContainer(keyedBy: JSONKey.self)
            try object.encode(point.members)
            try object.encode(layout.pointMembers(point))
        }
    }

    /// All points, one a row.
    package var text: String {
        var table = TextTable(header: layout.columns.map(\.header))
        for point in results { table.append(layout.columns.map { $0.cell(point) }) }
        return layout.heading + table.plainText + layout.ending(results)
    }
}

/// A key of a JSON object that is known when it is written.
private struct JSONKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ key: String) { stringValue = key }
    init(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}

extension KeyedEncodingContainer<JSONKey> {
    /// Encodes members; those that are nil are left out.
    fileprivate mutating func encode(_ members: [String: (any Encodable)?]) throws {
        for (key, value) in members {
            if let value { try encode(value, forKey: JSONKey(key)) }
        }
    }
}
