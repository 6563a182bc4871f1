// Copies of one linear that multiply one input in turn, so that their weights come from memory and not from a cache.

import ESparseCore

/// Copies of a linear with one input, ready to be timed.
struct LinearsInTurn<Timed: TunableBackend> {
    private let linears: [Timed.PreparedLinear]
    private let input: Timed.Activation
    private let backend: Timed

    /// Takes all of `copies` for few tokens, else two, with one kernel; `input` has `tokens` tokens.
    init(
        _ copies: [Timed.PreparedLinear], using kernel: KernelName, tokens: Int, input: Timed.Activation, backend: Timed
    ) {
        linears = copies.prefix(Timed.areFew(tokens) ? copies.count : 2).map { backend.linear($0, using: kernel) }
        self.input = input
        self.backend = backend
    }

    /// Settles every copy; returns what the library's search chose for the last.
    func settle() throws -> Timed.Kind.Parameter? {
        var parameter: Timed.Kind.Parameter?
        for linear in linears { parameter = try backend.settle(linear, for: input) }
        return parameter
    }

    /// One product, by the copy whose turn it is.
    func run(_ turn: Int) throws { _ = try backend.multiply(input, by: linears[turn % linears.count]) }

    /// The product, on the host.
    func output() throws -> [Float] { try backend.floats(of: backend.multiply(input, by: linears[0])) }
}

extension TunableBackend {
    /// Whether every pass of this many tokens reads its weights from memory; with more, arithmetic hides that.
    static func areFew(_ tokens: Int) -> Bool { tokens <= 64 }

    /// A weight prepared as often as `copyCount` says, each time in memory of its own.
    func copies(of weight: LinearWeight) throws -> [PreparedLinear] {
        try (0..<copyCount(of: weight)).map { _ in
            let matrix: LinearWeight.Matrix =
                switch weight.matrix {
                case .dense(let tensor): .dense(try tensor.copied())
                case .sparse(let matrix): .sparse(try matrix.copied())
                }
            return try prepareLinear(LinearWeight(matrix: matrix), bias: nil)
        }
    }
}
