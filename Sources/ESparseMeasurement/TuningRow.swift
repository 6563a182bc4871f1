// What tuning measured at one point, as JSON and tables show it: of the processor and of devices alike.

import ESparseCore
import ESparseReport

/// What was measured for one kind of linear and class of token counts.
struct TuningRow<Kernel: Hashable & Sendable & RawRepresentable<String>>: Sendable, Encodable {
    let rows: Int
    let columns: Int
    let pattern: SparsityPattern?
    /// The largest number of tokens of the class.
    let tokens: Int
    /// What is chosen.
    let kernel: Kernel
    /// What the built-in rules choose.
    let rule: Kernel
    /// Seconds of a pass by each kernel that was measured to the end.
    let seconds: [Kernel: Double]

    private enum CodingKeys: String, CodingKey {
        case rows, columns, pattern, kernel, seconds
        case tokens = "up_to_tokens"
        case rule = "rule_kernel"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(rows, forKey: .rows)
        try container.encode(columns, forKey: .columns)
        try container.encode(pattern, forKey: .pattern)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(kernel.rawValue, forKey: .kernel)
        try container.encode(rule.rawValue, forKey: .rule)
        let named = Dictionary(uniqueKeysWithValues: seconds.map { ($0.key.rawValue, $0.value) })
        try container.encode(named, forKey: .seconds)
    }

    /// The cells of a table's row; `name` is what people call a kernel.
    func cells(_ name: (Kernel) -> String) -> [String] {
        let gain = seconds[rule].flatMap { rule in seconds[kernel].map { Quantity.fixed(rule / $0, decimals: 2) + "x" }
        }
        return [
            "\(rows)x\(columns)", pattern?.description ?? "dense", "up to \(tokens)", name(kernel),
            kernel == rule ? "the same" : name(rule),
            kernel == rule ? "" : gain ?? "over \(Quantity.fixed(TuningChoice.hopeless, decimals: 0))x",
        ]
    }

    /// The table of such rows.
    static func table(_ rows: [[String]]) -> String {
        var table = TextTable(header: ["shape", "pattern", "tokens", "kernel", "built-in rule", "faster than rule"])
        for cells in rows { table.append(cells) }
        return table.plainText
    }
}
