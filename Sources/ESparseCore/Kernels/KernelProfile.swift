// Measured choices of kernels: one for each kind of linear and class of token counts.

/// The fastest kernels of a machine, as measured; linears that it does not know follow the built-in rules.
///
/// Every entry can run: impossible ones are refused when they are put in, so whoever reads a profile from a file need not
/// trust it. There is one choice whatever the number of threads.
package struct KernelProfile<Kind: LinearKind>: Sendable, Equatable {
    /// For each kind of sparse linear one choice for each of `TokenClass.bounds`.
    package private(set) var choices: [Kind: [KernelChoice<Kind.Parameter>]] = [:]

    /// Starts with no choice.
    package init() {}

    /// Puts in, or replaces, the choices of one kind of linear, one for each of `TokenClass.bounds`.
    ///
    /// - Throws: `ImpossibleChoice` when a kernel cannot run such a linear on this machine.
    package mutating func set(
        _ choices: [KernelChoice<Kind.Parameter>], for kind: Kind
    ) throws(ImpossibleChoice) {
        precondition(
            choices.count == TokenClass.bounds.count, "a profile needs a choice for each class of token counts")
        let possible = kind.kernels
        for choice in choices {
            guard possible.contains(choice.kernel),
                choice.parameter.map({ kind.allows($0, for: choice.kernel) }) ?? true
            else { throw ImpossibleChoice(choice.kernel, for: kind) }
        }
        self.choices[kind] = choices
    }
}
