// Who chooses a linear's kernel for a number of tokens: built-in rules, a measured profile, or somebody who measures.

/// Why a kernel runs.
package enum KernelReason: String, Sendable {
    /// The built-in rules say so.
    case rule
    /// A profile of this machine says so.
    case profile
    /// The caller asked for it.
    case fixed
}

/// Who chooses the kernel of a linear for a number of tokens; `Kernel` is whatever the backend runs.
package enum KernelSelection<Kernel: Sendable>: Sendable {
    /// Built-in rules.
    case rules
    /// A measured kernel for each of `TokenClass.bounds`.
    case profile([Kernel])
    /// One kernel, whatever the number of tokens; for measuring.
    case fixed(Kernel)

    /// What a profile says of a kind of linear; the rules where it says nothing.
    package init<Kind: LinearKind>(
        _ profile: KernelProfile<Kind>?, for kind: Kind, kernel: (KernelChoice<Kind.Parameter>) -> Kernel
    ) {
        self = profile?.choices[kind].map { .profile($0.map(kernel)) } ?? .rules
    }

    /// The kernel for a number of tokens, and why; `rule` is what the built-in rules choose.
    package func choice(tokens: Int, rule: @autoclosure () -> Kernel) -> (kernel: Kernel, reason: KernelReason) {
        switch self {
        case .rules: (rule(), .rule)
        case .profile(let kernels): (kernels[TokenClass.index(of: tokens)], .profile)
        case .fixed(let kernel): (kernel, .fixed)
        }
    }
}
