// The value of `prune --budget`, and how its outcome is told.

import ArgumentParser
import ESparseCore
import ESparseFormats
import ESparseReport

/// A number of per cent above 0, written with or without the sign.
struct Percentage: ExpressibleByArgument {
    let value: Double

    init?(argument: String) {
        guard let value = Double(argument.hasSuffix("%") ? String(argument.dropLast()) : argument), value > 0,
            value.isFinite
        else { return nil }
        self.value = value
    }
}

extension BudgetRecord {
    /// One line for a person.
    var sentence: String {
        let cost = Quantity.bytes(bytes - bytesWithoutBudget)
        return
            "held-out perplexity rose \(Quantity.fixed(rise, decimals: 2)) % of \(Quantity.fixed(percent, decimals: 2)) % "
            + "allowed; \(keptDense.count) linears kept dense for it, \(cost) more than with everything \(pattern)"
    }

    /// The options by which a plain run gives the same weights; nil where it needs none.
    func equivalentOptions(pattern used: SparsityPattern) -> String? {
        let options =
            (used == pattern ? [] : ["--pattern \(used)"]) + keptDense.map { "--exclude \($0)" }
        return options.isEmpty ? nil : options.joined(separator: " ")
    }
}
