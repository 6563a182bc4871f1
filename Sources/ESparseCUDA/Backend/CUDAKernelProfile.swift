// Measured choices of kernels on a device: one for each kind of sparse linear and class of token counts.

import ESparseCore

/// A kernel, and the library's algorithm where it is one of cuSPARSELt's and was measured.
package struct CUDAKernelChoice: Sendable, Hashable, Codable {
    /// The kernel.
    package let kernel: CUDALinearKernel
    /// cuSPARSELt's algorithm; nil leaves it to the library.
    package let algorithm: SparseAlgorithm?

    /// Puts a choice together.
    package init(kernel: CUDALinearKernel, algorithm: SparseAlgorithm? = nil) {
        self.kernel = kernel
        self.algorithm = algorithm
    }
}

/// The fastest kernels of a device, as measured; linears that it does not know follow the built-in rules.
///
/// Every entry can run: impossible ones are refused when they are put in, so whoever reads a profile from a file need not trust it.
package struct CUDAKernelProfile: Sendable, Equatable {
    /// For each kind of sparse linear one choice for each of `TokenClass.bounds`.
    package private(set) var choices: [CUDALinearTraits: [CUDAKernelChoice]] = [:]

    /// Starts with no choice.
    package init() {}

    /// Puts in, or replaces, the choices of one kind of linear; false where they are not one for each of `TokenClass.bounds` or cannot
    /// run such a linear.
    package mutating func set(_ choices: [CUDAKernelChoice], for traits: CUDALinearTraits) -> Bool {
        let possible = traits.possibleKernels
        guard choices.count == TokenClass.bounds.count,
            choices.allSatisfy({
                possible.contains($0.kernel) && ($0.algorithm == nil || $0.kernel == .sparseLibrary)
            })
        else { return false }
        self.choices[traits] = choices
        return true
    }

    /// The choice for a kind of linear; nil where it was not measured.
    func selection(for traits: CUDALinearTraits) -> CUDAKernelSelection? { choices[traits].map { .profile($0) } }
}
