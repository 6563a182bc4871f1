// Who chooses a linear's kernel for a number of tokens: built-in rules, a measured profile, or somebody who measures.

package import ESparseCore

/// Who chooses the kernel of a linear for a number of tokens.
package enum KernelSelection: Sendable, Equatable {
    /// Built-in rules.
    case rules
    /// A measured kernel for each of `TokenClass.bounds`.
    case profile([LinearKernel])
    /// One kernel, whatever the number of tokens; for measuring.
    case fixed(LinearKernel)

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
    package let kernel: LinearKernel
    /// Why.
    package let reason: Reason

    /// Puts a kernel and its reason together.
    package init(kernel: LinearKernel, reason: Reason) {
        self.kernel = kernel
        self.reason = reason
    }
}

/// A run of token counts for which a linear uses one kernel.
public struct KernelRange: Sendable, Codable, Equatable {
    /// The fewest tokens.
    public let firstTokens: Int
    /// The most tokens; nil where there is no end.
    public let lastTokens: Int?
    /// Name of the kernel.
    public let kernel: String
    /// "rule" or "profile".
    public let reason: String

    enum CodingKeys: String, CodingKey {
        case kernel, reason
        case firstTokens = "from_tokens"
        case lastTokens = "to_tokens"
    }

    /// "1-32 few-tokens-avx512 (rule)".
    public var description: String {
        let tokens = lastTokens.map { $0 == firstTokens ? "\(firstTokens)" : "\(firstTokens)-\($0)" }
        return "\(tokens ?? "\(firstTokens)+") \(kernel) (\(reason))"
    }
}

extension CPULinear {
    /// The kernel for a number of tokens, and why; many tokens are multiplied in passes.
    package func choice(tokens: Int) -> KernelChoice {
        selection.choice(tokens: Self.passTokens(tokens), traits: traits, arithmetic: denseArithmetic)
    }

    /// The same linear with one kernel for any number of tokens, one of `traits.possibleKernels`.
    package func using(_ kernel: LinearKernel) -> CPULinear {
        precondition(traits.possibleKernels.contains(kernel), "\(kernel) cannot run this linear")
        var linear = self
        linear.selection = .fixed(kernel)
        return linear
    }
}

extension CPUBackend {
    /// What the built-in rules choose here.
    package func ruleKernel(_ traits: LinearTraits, tokens: Int) -> LinearKernel {
        traits.ruleKernel(tokens: tokens, arithmetic: .preferred)
    }

    /// Which kernels a weight's linear would use here, by number of tokens. Prepares nothing.
    package func kernelRanges(of weight: LinearWeight) -> [KernelRange] {
        let traits = LinearTraits(weight, precision: precision, instructionSet: instructionSet)
        let selection = profile?.selection(for: traits) ?? .rules
        var ranges: [KernelRange] = []
        var first = 1
        func choice(_ tokens: Int) -> KernelChoice {
            selection.choice(tokens: tokens, traits: traits, arithmetic: .preferred)
        }
        for tokens in 1...CPULinear.mostTokensAtOnce {
            let isEnd = tokens == CPULinear.mostTokensAtOnce
            let current = choice(tokens)
            guard isEnd || choice(tokens + 1) != current else { continue }
            ranges.append(
                KernelRange(
                    firstTokens: first, lastTokens: isEnd ? nil : tokens,
                    kernel: current.kernel.name(instructionSet), reason: current.reason.rawValue))
            first = tokens + 1
        }
        return ranges
    }
}
