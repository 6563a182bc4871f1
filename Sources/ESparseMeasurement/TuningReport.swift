// What tuning found: a profile, JSON, and a table.

package import ESparseCPU
import ESparseCore

/// What was measured for one kind of linear and class of token counts.
struct TuningPoint: Sendable, Encodable {
    let traits: LinearTraits
    let row: TuningRow<KernelName>

    func encode(to encoder: any Encoder) throws { try row.encode(to: encoder) }
}

/// The result of tuning.
public struct TuningReport: Sendable, Encodable {
    let points: [TuningPoint]

    /// Kinds of linear that were measured.
    public var kindCount: Int { Set(points.map(\.traits)).count }

    private enum CodingKeys: String, CodingKey { case points = "results" }

    /// Adds the choices to a profile, replacing those for the same kinds of linear.
    ///
    /// - Throws: `KernelError`, never for kernels that have just run.
    package func merge(into profile: inout KernelProfile) throws {
        for (traits, points) in Dictionary(grouping: points, by: \.traits) {
            try profile.set(points.map(\.row.kernel), for: traits)
        }
    }

    /// One row a point.
    public var text: String {
        TuningRow<KernelName>.table(
            points.map { point in point.row.cells { point.traits.shownName(of: $0) } })
    }
}
