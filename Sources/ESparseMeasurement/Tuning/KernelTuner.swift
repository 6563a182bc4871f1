// Finds a backend's fastest kernel for each kind of sparse linear and class of token counts, by trying all that can run.

import ESparseCPU
package import ESparseCore

/// Measures kernels.
///
/// "Dense" is one of the candidates: the weights are written out in scratch, tile by tile or whole, and multiplied by the dense
/// library, so a linear for which dense is faster needs no memory beyond its packed weights. Each class of token counts is
/// measured at its largest number of tokens.
package struct KernelTuner<Tuned: TunableBackend> {
    private let backend: Tuned
    private let timer: AlternatingTimer
    private let threadCount: Int

    /// First tries: a single one may have met a busy moment of the machine.
    private static var firstTries: Int { 3 }

    /// Measures on `backend`, `secondsPerPoint` for each class of token counts; `threadCount` threads of the processor draw the
    /// weights.
    package init(backend: Tuned, secondsPerPoint: Double, threadCount: Int) {
        self.backend = backend
        self.threadCount = threadCount
        timer = AlternatingTimer(budget: secondsPerPoint)
    }

    /// Measures all targets.
    ///
    /// - Throws: the backend's error, such as for an element type that is no floating-point one; `InterruptedError`.
    package func run(
        _ targets: [TuningTarget], progress: any ProgressReporter = SilentProgress()
    ) throws -> TuningReport<Tuned.Kind> {
        let pool = ThreadPool(threadCount: threadCount)
        let total = targets.count * TokenClass.bounds.count
        var points: [TuningPoint<Tuned.Kind>] = []
        var seen: Set<Tuned.Kind> = []
        for target in targets {
            let drawn = try RandomLinear(
                rows: target.rows, columns: target.columns, pattern: target.pattern, seed: 0, pool: pool
            ).sparse
            let weight = LinearWeight(
                matrix: .sparse(
                    try SparseMatrix(
                        rows: drawn.rows, columns: drawn.columns, pattern: drawn.pattern,
                        values: drawn.values.converted(to: target.elementType), bitmask: drawn.bitmask)))
            let kind = backend.kind(of: weight)
            // Element types that the backend rounds to one another run the same kernels.
            guard seen.insert(kind).inserted else { continue }
            let copies = try backend.copies(of: weight)
            for tokens in TokenClass.bounds {
                progress.report(stage: "Tuning", completed: points.count, total: total, unit: "points")
                points.append(try point(kind, copies: copies, tokens: tokens))
            }
        }
        progress.report(stage: "Tuning", completed: total, total: total, unit: "points")
        return TuningReport(results: points)
    }

    private func point(
        _ kind: Tuned.Kind, copies: [Tuned.PreparedLinear], tokens: Int
    ) throws -> TuningPoint<Tuned.Kind> {
        let input = try backend.handedOn(
            backend.activation(
                RandomLinear.input(tokens: tokens, columns: kind.columns, seed: UInt64(tokens)),
                channels: kind.columns))
        var first: [(choice: KernelChoice<Tuned.Kind.Parameter>, linears: LinearsInTurn<Tuned>, seconds: Double)] = []
        for kernel in kind.kernels {
            try Interruption.check()
            let linears = LinearsInTurn(copies, using: kernel, tokens: tokens, input: input, backend: backend)
            let parameter = try linears.settle()
            try linears.run(0)
            let tries = try (1...Self.firstTries).map { turn in try backend.seconds { try linears.run(turn) } }
            first.append((KernelChoice(kernel, parameter: parameter), linears, tries.min() ?? .infinity))
        }
        let rule = backend.ruleKernel(for: kind, tokens: tokens)
        let shortest = first.map(\.seconds).min() ?? 0
        let candidates = first.filter { $0.choice.kernel == rule || $0.seconds <= TuningChoice.hopeless * shortest }
        let medians = try timer.medians(candidates.map { $0.linears.run }, measuredBy: backend.seconds)
        let seconds = Dictionary(uniqueKeysWithValues: zip(candidates.map(\.choice.kernel), medians))
        let fastest = TuningChoice.fastest(seconds, preferring: rule)
        return TuningPoint(
            kind: kind, tokens: tokens,
            choice: candidates.first { $0.choice.kernel == fastest }?.choice ?? KernelChoice(fastest), rule: rule,
            seconds: seconds)
    }
}
