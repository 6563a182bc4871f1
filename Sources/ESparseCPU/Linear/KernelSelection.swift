// Who chooses a linear's kernel for a number of tokens: built-in rules, a measured profile, or somebody who measures.

public import ESparseCore

/// Who chooses the kernel of a linear for a number of tokens.
package enum KernelSelection: Sendable, Equatable {
    /// Built-in rules.
    case rules
    /// A measured kernel for each of `TokenClass.bounds`.
    case profile([KernelName])
    /// One kernel, whatever the number of tokens; for measuring.
    case fixed(KernelName)

    /// The kernel for a number of tokens, and why; `arithmetic` is the data type of dense products under bf16.
    func choice(tokens: Int, traits: LinearTraits, arithmetic: DenseArithmetic) -> KernelChoice {
        switch self {
        case .rules:
            KernelChoice(kernel: traits.ruleKernel(tokens: tokens, arithmetic: arithmetic), reason: .rule)
        case .profile(let kernels): KernelChoice(kernel: kernels[TokenClass.index(of: tokens)], reason: .profile)
        case .fixed(let kernel): KernelChoice(kernel: kernel, reason: .fixed)
        }
    }
}

/// A kernel and why it runs.
package struct KernelChoice: Sendable, Equatable {
    /// On whose authority a kernel runs.
    package enum Reason: String, Sendable {
        /// The built-in rules.
        case rule
        /// A profile of this machine.
        case profile
        /// The caller asked for it.
        case fixed
    }

    /// The kernel.
    package let kernel: KernelName
    /// Why.
    package let reason: Reason

    /// Puts a kernel and its reason together.
    package init(kernel: KernelName, reason: Reason) {
        self.kernel = kernel
        self.reason = reason
    }
}

extension CPULinear {
    /// The kernel for a number of tokens, and why; many tokens are multiplied in passes.
    package func choice(tokens: Int) -> KernelChoice {
        selection.choice(tokens: Self.passTokens(tokens), traits: traits, arithmetic: denseArithmetic)
    }
}

extension CPUBackend: KernelReporting {
    /// What the built-in rules choose here.
    package func ruleKernel(_ traits: LinearTraits, tokens: Int) -> KernelName {
        traits.ruleKernel(tokens: tokens, arithmetic: .preferred)
    }

    /// Which kernels a weight's linear would use here, by number of tokens. Prepares nothing.
    public func kernelRanges(of weight: LinearWeight) -> [KernelRange] {
        let traits = LinearTraits(weight, precision: precision, instructionSet: instructionSet)
        let selection = profile?.selection(for: traits) ?? .rules
        return KernelRange.ranges(upTo: CPULinear.mostTokensAtOnce) { tokens in
            let choice = selection.choice(tokens: tokens, traits: traits, arithmetic: .preferred)
            return (traits.shownName(of: choice.kernel), choice.reason.rawValue)
        }
    }
}
