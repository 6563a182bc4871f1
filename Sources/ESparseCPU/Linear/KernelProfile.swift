// Measured choices of kernels: one for each kind of linear and class of token counts.

package import ESparseCore

/// The fastest kernels of a machine, as measured; linears that it does not know follow the built-in rules.
///
/// Every entry can run: impossible ones are refused when they are put in, so whoever reads a profile from a file need not
/// trust it. There is one choice whatever the number of threads.
package struct KernelProfile: Sendable, Equatable {
    /// For each kind of sparse linear one kernel for each of `TokenClass.bounds`.
    package private(set) var choices: [LinearTraits: [KernelName]] = [:]

    /// Starts with no choice.
    package init() {}

    /// Puts in, or replaces, the kernels of one kind of linear, one for each of `TokenClass.bounds`.
    ///
    /// - Throws: `KernelError` when a kernel cannot run such a linear on this processor.
    package mutating func set(_ kernels: [KernelName], for traits: LinearTraits) throws(KernelError) {
        precondition(
            kernels.count == TokenClass.bounds.count, "a profile needs a kernel for each class of token counts")
        guard InstructionSet.available.contains(traits.instructionSet) else {
            throw .missingInstructionSet(traits.instructionSet)
        }
        let possible = traits.possibleKernels
        for kernel in kernels where !possible.contains(kernel) {
            throw .impossibleKernel(kernel, rows: traits.rows, columns: traits.columns)
        }
        choices[traits] = kernels
    }

    /// The choice for a kind of linear; nil where it was not measured.
    func selection(for traits: LinearTraits) -> KernelSelection? { choices[traits].map { .profile($0) } }
}
