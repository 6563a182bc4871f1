// Which kernel a linear on the CPU runs for a number of tokens, and what tuning needs of this backend.

public import ESparseCore

extension LinearTraits: LinearKind {
    /// A choice says nothing but the kernel.
    package typealias Parameter = Never

    /// The kernels that can run such a linear on this processor; none where it does not have the instruction set.
    package var kernels: [KernelName] { InstructionSet.available.contains(instructionSet) ? possibleKernels : [] }
}

extension CPULinear {
    /// The kernel for a number of tokens, and why; many tokens are multiplied in passes.
    package func choice(tokens: Int) -> (kernel: KernelName, reason: KernelReason) {
        let tokens = Self.passTokens(tokens)
        return selection.choice(tokens: tokens, rule: kernel(tokens: tokens).name)
    }
}

extension CPUBackend: TunableBackend {
    /// What the choice of a weight's kernel depends on here.
    package func kind(of weight: LinearWeight) -> LinearTraits {
        LinearTraits(weight, precision: precision, instructionSet: instructionSet)
    }

    /// What the built-in rules choose here.
    package func ruleKernel(for kind: LinearTraits, tokens: Int) -> KernelName {
        kind.ruleKernel(tokens: tokens, arithmetic: .preferred)
    }

    /// The same linear with one kernel for any number of tokens, one of its traits' kernels.
    package func linear(_ linear: PreparedLinear, using kernel: KernelName) -> PreparedLinear {
        PreparedLinear(linear: linear.linear.using(kernel))
    }

    /// As many copies as fill the last-level cache one and a half times.
    package func copyCount(of weight: LinearWeight) -> Int {
        switch weight.matrix {
        case .dense(let tensor): Self.copyCount(byteCount: tensor.byteCount)
        case .sparse(let matrix): Self.copyCount(byteCount: matrix.values.byteCount)
        }
    }

    /// How many copies of weights of this size fill the last-level cache one and a half times, as far as an eighth of the
    /// free memory holds them; at least 2 and at most 512.
    package static func copyCount(byteCount: Int) -> Int {
        let wanted = Processor.lastLevelCacheBytes * 3 / 2
        let allowed = min(wanted, (Processor.availableMemoryBytes ?? 8 * wanted) / 8)
        return min(max(2, (allowed + byteCount - 1) / max(byteCount, 1)), 512)
    }
}

extension CPUBackend: KernelReporting {
    /// Which kernels a weight's linear would use here, by number of tokens. Prepares nothing.
    public func kernelRanges(of weight: LinearWeight) -> [KernelRange] { ranges(of: weight) }
}
