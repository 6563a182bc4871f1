// What tuning found: a profile, JSON, and a table.

import ESparseCore
package import ESparseKernels
import ESparseReport

/// The kernels measured for one kind of linear and class of token counts.
struct TuningPoint: Sendable, Encodable {
    let traits: LinearTraits
    /// The largest number of tokens of the class.
    let tokens: Int
    /// What the built-in rules choose.
    let rule: LinearKernel
    /// Seconds of a pass, without kernels that were hopeless in a first try.
    let seconds: [LinearKernel: Double]
    /// What is chosen.
    let kernel: LinearKernel

    private enum CodingKeys: String, CodingKey {
        case rows, columns, pattern, kernel, seconds
        case tokens = "up_to_tokens"
        case rule = "rule_kernel"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(traits.rows, forKey: .rows)
        try container.encode(traits.columns, forKey: .columns)
        try container.encode(traits.pattern, forKey: .pattern)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(kernel.rawValue, forKey: .kernel)
        try container.encode(rule.rawValue, forKey: .rule)
        let named = Dictionary(uniqueKeysWithValues: seconds.map { ($0.key.rawValue, $0.value) })
        try container.encode(named, forKey: .seconds)
    }
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
            try profile.set(points.map(\.kernel), for: traits)
        }
    }

    /// One row for each run of token counts with one choice and one rule.
    public var text: String {
        var table = TextTable(header: ["shape", "pattern", "tokens", "kernel", "built-in rule", "faster than rule"])
        for point in points {
            let name = point.kernel.name(point.traits.instructionSet)
            let rule = point.rule.name(point.traits.instructionSet)
            let gain = point.seconds[point.rule].flatMap { rule in
                point.seconds[point.kernel].map { Quantity.fixed(rule / $0, decimals: 2) + "x" }
            }
            table.append([
                "\(point.traits.rows)x\(point.traits.columns)", point.traits.pattern?.description ?? "dense",
                "up to \(point.tokens)", name, name == rule ? "the same" : rule, name == rule ? "" : gain ?? "over 2x",
            ])
        }
        return table.plainText
    }
}
