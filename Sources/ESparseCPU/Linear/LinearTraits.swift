// What the choice of a linear's kernel depends on, and the built-in rules. The number of threads is not among it.

internal import CESparseCPU
package import ESparseCore

/// Everything about a linear that decides which kernels it can use and which one is fast.
///
/// Kernels add in different orders, so bits must not depend on the number of threads: no choice may look at it.
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

    /// The kernels that can run such a linear on this processor; `instructionSet` must be available.
    package var possibleKernels: [LinearKernel] {
        var kernels = [LinearKernel.fewTokens]
        // Nothing to multiply: oneDNN refuses such shapes.
        guard columns > 0 else { return kernels }
        if hasSparseManyTokens { kernels.append(.sparseManyTokens) }
        if precision == .bfloat16, pattern != nil, instructionSet.hasBFloat16Products {
            kernels.append(.sparseBFloat16)
        }
        kernels.append(singlePrecisionKernel)
        if precision == .bfloat16, ProcessorFeatures.current.contains(.avx512BFloat16) {
            kernels.append(pattern == nil ? .denseBFloat16 : .expandedBFloat16)
        }
        return kernels
    }

    /// What the built-in rules choose; `arithmetic` is the data type of dense products under bf16.
    func ruleKernel(tokens: Int, arithmetic: DenseArithmetic) -> LinearKernel {
        let arithmetic = precision == .bfloat16 ? arithmetic : .float32
        let few = LinearPlan.fewTokens(instructionSet, arithmetic, isSparse: pattern != nil)
        if tokens <= few || columns == 0 { return .fewTokens }
        if arithmetic == .bfloat16 {
            let sparse = instructionSet.hasBFloat16Products ? LinearKernel.sparseBFloat16 : .expandedBFloat16
            return pattern == nil ? .denseBFloat16 : sparse
        }
        return hasSparseManyTokens ? .sparseManyTokens : singlePrecisionKernel
    }

    private var hasSparseManyTokens: Bool { pattern != nil && instructionSet.kernels.sparse_many.value_bytes > 0 }

    private var singlePrecisionKernel: LinearKernel {
        pattern == nil && elementType == .float32 ? .denseFloat32 : .widenedFloat32
    }
}
