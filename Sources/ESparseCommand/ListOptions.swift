// Values of options that are lists, separated by commas.

import ArgumentParser
import ESparseCore

/// Numbers of tokens, from 1 to a million.
struct NumberList: ExpressibleByArgument {
    let values: [Int]

    init(_ values: [Int]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        let values = parts.compactMap { $0 }.filter { (1...1_000_000).contains($0) }
        guard values.count == parts.count else { return nil }
        self.init(values)
    }

    var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }
}

/// Patterns such as 2:4.
struct PatternList: ExpressibleByArgument {
    let values: [SparsityPattern]

    init(_ values: [SparsityPattern]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { SparsityPattern(String($0)) }
        let values = parts.compactMap { $0 }
        guard values.count == parts.count else { return nil }
        self.init(values)
    }

    var defaultValueDescription: String { values.map(\.description).joined(separator: ",") }
}
