// What a search under a budget came to, in words.

package import ESparseCore
package import ESparseFormats

extension BudgetRecord {
    /// One line for a person.
    package var sentence: String {
        let cost = Quantity.bytes(bytes - bytesWithoutBudget)
        return
            "held-out perplexity rose \(Quantity.fixed(rise, decimals: 2)) % of \(Quantity.fixed(percent, decimals: 2)) % "
            + "allowed; \(keptDense.count) linears kept dense for it, \(cost) more than with everything \(pattern)"
    }

    /// The options by which a plain run gives the same weights; nil where it needs none.
    package func equivalentOptions(pattern used: SparsityPattern) -> String? {
        let options =
            (used == pattern ? [] : ["--pattern \(used)"]) + keptDense.map { "--exclude \($0)" }
        return options.isEmpty ? nil : options.joined(separator: " ")
    }
}
