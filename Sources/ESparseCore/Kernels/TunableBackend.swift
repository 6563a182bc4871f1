// What a backend offers so that its kernels can be timed against each other: the tuner and the benchmark are written on this.

/// A backend whose linears run with any kernel that can run them, so that kernels can be timed.
///
/// The associated types and the first four functions are those of `Backend`.
package protocol TunableBackend: Sendable {
    /// What the choice of a kernel depends on here.
    associatedtype Kind: LinearKind
    /// Values of all tokens of a batch, `[T, channels]`.
    associatedtype Activation
    /// A linear layer `y = x W^T + b`, ready to run.
    associatedtype PreparedLinear: Sendable

    /// Prepares a linear: weight `[R, C]`, bias `[R]`.
    func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> PreparedLinear
    /// Copies host values `[T, channels]` in.
    func activation(_ values: [Float], channels: Int) throws -> Activation
    /// `x W^T + b`, `[T, R]`.
    func multiply(_ input: Activation, by linear: PreparedLinear) throws -> Activation
    /// Copies values out, row-major.
    func floats(of activation: Activation) throws -> [Float]

    /// Measured choices; nil means built-in rules.
    var profile: KernelProfile<Kind>? { get }
    /// The kind of linear that a weight becomes here.
    func kind(of weight: LinearWeight) -> Kind
    /// What the built-in rules choose, one of `kind.kernels`.
    func ruleKernel(for kind: Kind, tokens: Int) -> KernelName
    /// The same linear with one kernel, of its kind's, for any number of tokens.
    func linear(_ linear: PreparedLinear, using kernel: KernelName) -> PreparedLinear

    /// How many copies of a weight, read in turn, no cache holds; at least 2.
    func copyCount(of weight: LinearWeight) -> Int
    /// An input in the form that a model's layers hand to a linear, so that converting it is not timed.
    func handedOn(_ input: Activation) throws -> Activation
    /// Does what only the first product of this size needs, such as a library's search among its algorithms; returns what the
    /// search chose, where a profile can keep it.
    func settle(_ linear: PreparedLinear, for input: Activation) throws -> Kind.Parameter?
    /// Seconds until all that `work` starts is done, by the backend's best clock.
    func seconds(of work: () throws -> Void) throws -> Double
}

extension TunableBackend {
    /// The input itself.
    package func handedOn(_ input: Activation) throws -> Activation { input }

    /// There is nothing to do.
    package func settle(_ linear: PreparedLinear, for input: Activation) throws -> Kind.Parameter? { nil }

    /// By the processor's clock.
    package func seconds(of work: () throws -> Void) throws -> Double {
        try ContinuousClock().measure(work) / .seconds(1)
    }

    /// The kernel that a model runs for this kind of linear and number of tokens, and why.
    package func choice(for kind: Kind, tokens: Int) -> (kernel: KernelName, reason: KernelReason) {
        KernelSelection(profile, for: kind, kernel: \.kernel)
            .choice(tokens: tokens, rule: ruleKernel(for: kind, tokens: tokens))
    }

    /// What `KernelReporting` asks for.
    package func ranges(of weight: LinearWeight) -> [KernelRange] {
        let kind = kind(of: weight)
        let selection = KernelSelection(profile, for: kind, kernel: \.kernel)
        return KernelRange.ranges(upTo: TokenClass.bounds.last ?? 1) { tokens in
            let (kernel, reason) = selection.choice(tokens: tokens, rule: ruleKernel(for: kind, tokens: tokens))
            return (kind.shownName(of: kernel), reason.rawValue)
        }
    }
}
