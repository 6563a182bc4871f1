// Finds the fastest kernel for each kind of sparse linear and class of token counts, by trying all that can run.

public import ESparseCPU
public import ESparseCore

/// A kind of sparse linear to tune.
public struct TuningTarget: Sendable, Hashable {
    /// Output channels.
    public let rows: Int
    /// Input channels.
    public let columns: Int
    /// The pattern of the weights.
    public let pattern: SparsityPattern
    /// Element type of the weights in the checkpoint.
    public let elementType: ElementType

    /// Describes a kind of linear; the columns must be a multiple of the pattern's group.
    public init(rows: Int, columns: Int, pattern: SparsityPattern, elementType: ElementType) {
        self.rows = rows
        self.columns = columns
        self.pattern = pattern
        self.elementType = elementType
    }
}

/// Measures kernels.
///
/// "Dense" is one of the candidates: tiles of the weights are expanded in scratch and multiplied by oneDNN, so a linear
/// for which dense is faster needs no memory beyond its packed weights. Each class of token counts is measured at its
/// largest number of tokens.
public struct KernelTuner {
    private let backend: CPUBackend
    private let timer: AlternatingTimer

    /// First tries: a single one may have met a busy moment of the machine.
    private static let firstTries = 3

    /// Measures on `backend`, `secondsPerPoint` for each class of token counts.
    public init(backend: CPUBackend, secondsPerPoint: Double) {
        self.backend = backend
        timer = AlternatingTimer(budget: secondsPerPoint)
    }

    /// Measures all targets.
    ///
    /// - Throws: `KernelError` for an element type that is no floating-point one; `InterruptedError`.
    public func run(
        _ targets: [TuningTarget], progress: any ProgressReporter = SilentProgress()
    ) throws -> TuningReport {
        let total = targets.count * TokenClass.bounds.count
        var points: [TuningPoint] = []
        var seen: Set<LinearTraits> = []
        for target in targets {
            let copies = try copies(of: target)
            // Types that this precision rounds to one another run the same kernels.
            guard seen.insert(copies[0].traits).inserted else { continue }
            for tokens in TokenClass.bounds {
                progress.report(stage: "Tuning", completed: points.count, total: total, unit: "points")
                points.append(try point(target, copies: copies, tokens: tokens))
            }
        }
        progress.report(stage: "Tuning", completed: total, total: total, unit: "points")
        return TuningReport(points: points)
    }

    private func copies(of target: TuningTarget) throws -> [CPULinear] {
        let drawn = try RandomLinear(
            rows: target.rows, columns: target.columns, pattern: target.pattern, seed: 0, pool: backend.pool
        ).sparse
        let matrix = try SparseMatrix(
            rows: drawn.rows, columns: drawn.columns, pattern: drawn.pattern,
            values: drawn.values.converted(to: target.elementType), bitmask: drawn.bitmask)
        return try (0..<GemmBenchmark.copyCount(byteCount: matrix.values.byteCount)).map { _ in
            try backend.prepareLinear(LinearWeight(matrix: .sparse(matrix.copied())), bias: nil).linear
        }
    }

    private func point(_ target: TuningTarget, copies: [CPULinear], tokens: Int) throws -> TuningPoint {
        let input = backend.activation(
            RandomLinear.input(tokens: tokens, columns: target.columns, seed: UInt64(tokens)),
            channels: target.columns)
        let used = Array(copies.prefix(tokens <= GemmBenchmark.fewTokens ? copies.count : 2))
        let traits = copies[0].traits
        func body(_ kernel: KernelName) -> (Int) -> Void {
            let linears = used.map { CPUBackend.PreparedLinear(linear: $0.using(kernel)) }
            return { [backend] in _ = backend.multiply(input, by: linears[$0 % linears.count]) }
        }
        let clock = ContinuousClock()
        var first: [(kernel: KernelName, body: (Int) -> Void, seconds: Double)] = []
        for kernel in traits.possibleKernels {
            try Interruption.check()
            let body = body(kernel)
            body(0)
            let tries = (1...Self.firstTries).map { index in clock.measure { body(index) } / .seconds(1) }
            first.append((kernel, body, tries.min() ?? .infinity))
        }
        let rule = backend.ruleKernel(traits, tokens: tokens)
        let shortest = first.map(\.seconds).min() ?? 0
        let candidates = first.filter { $0.kernel == rule || $0.seconds <= TuningChoice.hopeless * shortest }
        let medians = try timer.medians(candidates.map(\.body))
        let seconds = Dictionary(uniqueKeysWithValues: zip(candidates.map(\.kernel), medians))
        return TuningPoint(
            traits: traits,
            row: TuningRow(
                rows: traits.rows, columns: traits.columns, pattern: traits.pattern, tokens: tokens,
                kernel: TuningChoice.fastest(seconds, preferring: rule), rule: rule, seconds: seconds))
    }
}
