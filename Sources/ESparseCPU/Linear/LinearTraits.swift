// What the choice of a linear's kernel depends on.

package import ESparseCore

/// Everything about a linear that decides which kernels it can use and which one is fast.
///
/// The number of threads is not part of it: kernels add in different orders, and bits must not depend on threads.
package struct LinearTraits: Sendable, Hashable {
    /// R: output channels.
    package let rows: Int
    /// C: input channels.
    package let columns: Int
    /// The pattern of the weights, nil when dense.
    package let pattern: SparsityPattern?
    /// Element type of the weights as kernels read them.
    package let elementType: ElementType
    /// How weights and inputs are rounded.
    package let precision: Precision
    /// The instructions our own kernels use.
    package let instructionSet: InstructionSet

    /// Describes a linear whose weights are of `elementType` in memory.
    package init(
        rows: Int, columns: Int, pattern: SparsityPattern?, elementType: ElementType, precision: Precision,
        instructionSet: InstructionSet
    ) {
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.elementType = elementType
        self.precision = precision
        self.instructionSet = instructionSet
    }

    /// Describes the linear that a checkpoint's weight becomes; under bf16 its weights are rounded.
    package init(_ weight: LinearWeight, precision: Precision, instructionSet: InstructionSet) {
        let stored: ElementType
        let pattern: SparsityPattern?
        switch weight.matrix {
        case .dense(let tensor): (stored, pattern) = (tensor.elementType, nil)
        case .sparse(let matrix): (stored, pattern) = (matrix.values.elementType, matrix.pattern)
        }
        self.init(
            rows: weight.rows, columns: weight.columns, pattern: pattern,
            elementType: precision == .bfloat16 ? .bfloat16 : stored, precision: precision,
            instructionSet: instructionSet)
    }

    /// The kernels that can run such a linear on this processor, preferred ones first; `instructionSet` must be available.
    package var possibleKernels: [KernelName] {
        LinearKernels.all.filter { $0.supports(self) }.map(\.properties.name)
    }

    /// What the built-in rules choose; `arithmetic` is the data type of dense products under bf16.
    func ruleKernel(tokens: Int, arithmetic: DenseArithmetic) -> KernelName {
        let preferences = LinearKernels.preferences(self, arithmetic: arithmetic)
        guard let kernel = preferences.first(where: { $0.tokens.contains(tokens) })?.kernel else {
            preconditionFailure("no kernel takes \(tokens) tokens of \(self)")
        }
        return kernel.properties.name
    }

    /// The name that reports show for a kernel: with the instruction set where it is one of ours.
    package func shownName(of kernel: KernelName) -> String {
        LinearKernels.properties(of: kernel)?.shownName(instructionSet) ?? kernel.rawValue
    }

    /// The data type of dense products of such linears: under bf16 `preferred`.
    func denseArithmetic(_ preferred: DenseArithmetic) -> DenseArithmetic {
        precision == .bfloat16 ? preferred : .float32
    }
}
