// What tuning found: choices for a profile, JSON, and a table.

package import ESparseCore
import ESparseReport

/// What was measured for one kind of linear and class of token counts.
struct TuningPoint<Kind: LinearKind>: Sendable, Encodable {
    let kind: Kind
    /// The largest number of tokens of the class.
    let tokens: Int
    /// What is chosen.
    let choice: KernelChoice<Kind.Parameter>
    /// What the built-in rules choose.
    let rule: KernelName
    /// Seconds of a pass by each kernel that was measured to the end.
    let seconds: [KernelName: Double]

    private enum CodingKeys: String, CodingKey {
        case rows, columns, pattern, kernel, seconds
        case tokens = "up_to_tokens"
        case rule = "rule_kernel"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind.rows, forKey: .rows)
        try container.encode(kind.columns, forKey: .columns)
        try container.encode(kind.pattern, forKey: .pattern)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(choice.kernel, forKey: .kernel)
        try container.encode(rule, forKey: .rule)
        let named = Dictionary(uniqueKeysWithValues: seconds.map { ($0.key.rawValue, $0.value) })
        try container.encode(named, forKey: .seconds)
    }

    /// The cells of a table's row.
    var cells: [String] {
        let isRule = choice.kernel == rule
        let gain = seconds[rule].flatMap { rule in
            seconds[choice.kernel].map { Quantity.fixed(rule / $0, decimals: 2) + "x" }
        }
        return [
            "\(kind.rows)x\(kind.columns)", kind.pattern?.description ?? "dense", "up to \(tokens)",
            kind.shownName(of: choice.kernel), isRule ? "the same" : kind.shownName(of: rule),
            isRule ? "" : gain ?? "-",
        ]
    }
}

/// The result of tuning.
package struct TuningReport<Kind: LinearKind>: Sendable, Encodable {
    /// All points, those of one kind of linear together and in order of tokens.
    let results: [TuningPoint<Kind>]

    /// Kinds of linear that were measured.
    package var kindCount: Int { Set(results.map(\.kind)).count }

    /// Adds the choices to a profile, replacing those for the same kinds of linear.
    ///
    /// - Throws: `ImpossibleChoice`, never for kernels that have just run.
    package func merge(into profile: inout KernelProfile<Kind>) throws {
        for (kind, points) in Dictionary(grouping: results, by: \.kind) {
            try profile.set(points.map(\.choice), for: kind)
        }
    }

    /// One row a point.
    package var text: String {
        var table = TextTable(header: ["shape", "pattern", "tokens", "kernel", "built-in rule", "faster than rule"])
        for point in results { table.append(point.cells) }
        return table.plainText
    }
}
