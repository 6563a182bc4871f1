// Which kernel a linear on a device uses for a number of tokens. Depends on the linear and the device's libraries only.

package import ESparseCore

/// The ways to compute a linear on a device.
package enum CUDALinearKernel: String, Sendable, CaseIterable {
    /// Our product of up to 16 tokens, straight from the kept values and the bitmask of a half-dense weight.
    case fewTokens = "few-tokens-cuda"
    /// cuSPARSELt, on a 2:4 weight compressed for the device.
    case sparseLibrary = "cusparselt"
    /// cuBLASLt, on a dense weight.
    case denseLibrary = "cublaslt"
    /// cuBLASLt, on a sparse weight that is written out in scratch for each pass.
    case decompressed = "decompress+cublaslt"

    /// The name in profiles and reports.
    package var name: KernelName { KernelName(rawValue) }
}

/// A kernel, and the library's algorithm where it is one of cuSPARSELt's and was measured; nil leaves that to the library.
struct CUDAKernelChoice: Sendable {
    let kernel: CUDALinearKernel
    let algorithm: SparseAlgorithm?

    init(_ kernel: CUDALinearKernel, algorithm: SparseAlgorithm? = nil) {
        self.kernel = kernel
        self.algorithm = algorithm
    }
}

/// Everything about a linear that decides which kernels it can use.
package struct CUDALinearTraits: Sendable, Hashable {
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// The pattern of the weights, nil when dense.
    package let pattern: SparsityPattern?
    /// Whether 2:4 weights are compressed for cuSPARSELt: it is there, and memory is not to be saved.
    package let compresses: Bool

    /// Describes a linear.
    package init(rows: Int, columns: Int, pattern: SparsityPattern?, compresses: Bool) {
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.compresses = compresses
    }

    /// Tokens that one launch of our product takes.
    package static let fewTokens = 16

    /// Whether our product of few tokens can run it: every 16 columns keep 8 weights.
    var isHalfDense: Bool {
        guard let pattern else { return false }
        return 2 * pattern.kept == pattern.group && 16 % pattern.group == 0 && columns % 16 == 0
    }

    /// Whether cuSPARSELt holds the weight in its own form.
    var isCompressed: Bool {
        compresses && pattern == .twoOfFour && SparseProductShape.refusal(rows: rows, columns: columns) == nil
    }

    /// The kernels that can run such a linear.
    package var possibleKernels: [CUDALinearKernel] {
        if pattern == nil { return [.denseLibrary] }
        return (isHalfDense ? [.fewTokens] : []) + (isCompressed ? [.sparseLibrary] : []) + [.decompressed]
    }

    /// What the built-in rules choose: our product as far as one launch goes, then cuSPARSELt where it can, else cuBLASLt.
    package func ruleKernel(tokens: Int) -> CUDALinearKernel {
        if pattern == nil { return .denseLibrary }
        if isHalfDense && tokens <= Self.fewTokens { return .fewTokens }
        return isCompressed ? .sparseLibrary : .decompressed
    }
}

extension CUDALinearTraits: LinearKind {
    /// The kernels that can run such a linear.
    package var kernels: [KernelName] { possibleKernels.map(\.name) }

    /// Whether the kernel is cuSPARSELt's: it alone has algorithms.
    package func allows(_ parameter: SparseAlgorithm, for kernel: KernelName) -> Bool {
        kernel == CUDALinearKernel.sparseLibrary.name
    }

    /// The kernel of this name, which must be one of `kernels`.
    func kernel(named name: KernelName) -> CUDALinearKernel {
        guard let kernel = CUDALinearKernel(rawValue: name.rawValue), possibleKernels.contains(kernel) else {
            preconditionFailure("\(name) cannot run this linear")
        }
        return kernel
    }
}
