// Which kernel a prepared linear runs for a number of tokens, resolved once from rules, a profile or a fixed choice.

import ESparseCore

/// The kernels of one linear, by number of tokens; a call looks at no names.
struct KernelSchedule: Sendable {
    private struct Entry {
        let tokens: ClosedRange<Int>
        let kernel: any LinearKernel
    }

    private let entries: [Entry]

    /// Resolves a selection's choices for a linear whose weights are in `storage`.
    ///
    /// - Throws: `ImpossibleChoice` for one that there is not, or that cannot run the linear; `KernelError.unreadFormat`
    ///   where the rules find no kernel that reads the weights for some number of tokens.
    init(
        _ selection: KernelSelection<KernelName>, traits: LinearTraits, storage: WeightStorage,
        arithmetic: DenseArithmetic
    ) throws {
        func possible(_ name: KernelName) throws(ImpossibleChoice) -> any LinearKernel {
            guard let kernel = LinearKernels.kernel(name), kernel.supports(traits), kernel.reads(storage) else {
                throw ImpossibleChoice(name, for: traits)
            }
            return kernel
        }
        switch selection {
        case .rules:
            let entries = LinearKernels.preferences(traits, arithmetic: arithmetic)
                .filter { $0.kernel.reads(storage) }
                .map { Entry(tokens: $0.tokens, kernel: $0.kernel) }
            guard (TokenClass.bounds + [.max]).allSatisfy({ tokens in entries.contains { $0.tokens.contains(tokens) } })
            else {
                throw KernelError.unreadFormat(type(of: storage.weights).name, traits.instructionSet)
            }
            self.entries = entries
        case .profile(let names):
            var entries: [Entry] = []
            for (bound, name) in zip(TokenClass.bounds, names) {
                let last: Int = bound == TokenClass.bounds.last ? .max : bound
                entries.append(
                    Entry(tokens: (entries.last?.tokens.upperBound ?? -1) + 1...last, kernel: try possible(name)))
            }
            self.entries = entries
        case .fixed(let name): entries = [Entry(tokens: 0...Int.max, kernel: try possible(name))]
        }
    }

    /// The first kernel that takes so many tokens.
    func kernel(tokens: Int) -> any LinearKernel {
        for entry in entries where entry.tokens.contains(tokens) { return entry.kernel }
        preconditionFailure("no kernel takes \(tokens) tokens")
    }
}
