// Sparse against dense matrix products, taking turns on the same random data, with results checked.

public import ESparseCPU
public import ESparseCore

/// Measures linears of given shapes, sparse against dense.
///
/// The sparse side is what a model runs: the linear with the kernel that its rules or profile choose, conversion of the
/// input included. The dense side multiplies the same weights with their zeros written out by oneDNN, weights reordered and
/// the input converted beforehand; of f32 and bf16, and of one and four calls a thread, it is what was fastest in a short
/// trial before. Where our few-token kernel runs the dense weights too, it is measured as well. Up to `fewTokens` tokens,
/// weights exist in as many copies as `copyCount` says, read in turn, so that they come from memory rather than a cache.
public struct GemmBenchmark {
    /// What to measure.
    public struct Settings: Sendable {
        /// Shapes, in order.
        public let shapes: [GemmShape]
        /// Numbers of tokens, in order.
        public let tokens: [Int]
        /// Patterns, in order.
        public let patterns: [SparsityPattern]
        /// Seconds of measuring a point, beyond a few rounds that every median needs.
        public let secondsPerPoint: Double

        /// Chooses shapes, numbers of tokens and patterns; every combination is a point.
        ///
        /// - Throws: `MeasurementError.indivisible` when a pattern does not divide a shape's columns.
        public init(
            shapes: [GemmShape], tokens: [Int], patterns: [SparsityPattern], secondsPerPoint: Double
        ) throws(MeasurementError) {
            precondition(tokens.allSatisfy { $0 > 0 })
            for shape in shapes {
                for pattern in patterns where shape.columns % pattern.group != 0 {
                    throw .indivisible(shape: shape.name, pattern: pattern)
                }
            }
            self.shapes = shapes
            self.tokens = tokens
            self.patterns = patterns
            self.secondsPerPoint = secondsPerPoint
        }
    }

    private let settings: Settings
    private let backend: CPUBackend
    private let timer: AlternatingTimer

    /// Largest root mean square difference of two kernels' results, as a share of the results' own.
    ///
    /// Both multiply the same bf16 numbers exactly and add up to 2^15 products in single precision, in different orders;
    /// rounding errors of 2^-24 each then stay far below this.
    static let tolerance = 1e-4
    /// Up to this many tokens every pass reads its weights from memory; with more, arithmetic hides that.
    static let fewTokens = 64

    /// Measures on `backend`.
    public init(_ settings: Settings, backend: CPUBackend) {
        self.settings = settings
        self.backend = backend
        timer = AlternatingTimer(budget: settings.secondsPerPoint)
    }

    /// Runs all points.
    ///
    /// - Throws: `MeasurementError`; `InterruptedError`.
    public func run(progress: any ProgressReporter = SilentProgress()) throws -> GemmReport {
        let total = settings.shapes.count * settings.patterns.count * settings.tokens.count
        var points: [GemmPoint] = []
        progress.report(stage: "Measuring", completed: 0, total: total, unit: "points")
        let peak = MachinePeak.measure(pool: backend.pool)
        for shape in settings.shapes {
            for pattern in settings.patterns {
                let linear = try RandomLinear(
                    rows: shape.rows, columns: shape.columns, pattern: pattern, seed: 0, pool: backend.pool)
                let copyCount = Self.copyCount(byteCount: linear.sparse.values.byteCount)
                let sparse = try copies(of: linear.sparse, count: copyCount)
                for tokens in settings.tokens {
                    try Interruption.check()
                    points.append(try point(shape, tokens: tokens, linear: linear, sparse: sparse, peak: peak))
                    progress.report(stage: "Measuring", completed: points.count, total: total, unit: "points")
                }
            }
        }
        return GemmReport(backend: backend, peak: peak, results: points)
    }

    private func point(
        _ shape: GemmShape, tokens: Int, linear: RandomLinear, sparse: [CPUBackend.PreparedLinear], peak: MachinePeak
    ) throws -> GemmPoint {
        let values = RandomLinear.input(tokens: tokens, columns: shape.columns, seed: UInt64(tokens))
        let input = backend.activation(values, channels: shape.columns)
        let isFew = tokens <= Self.fewTokens
        let library = try DenseBaseline.fastest(
            linear.dense, input: values, isFew: isFew, pool: backend.pool, shape: shape.name)
        let used = isFew ? sparse : Array(sparse.prefix(2))
        var alternatives: [(Int) -> Void] = [
            { [backend] in _ = backend.multiply(input, by: used[$0 % used.count]) },
            { library.run(copy: $0 % library.copyCount) },
        ]
        var own: [CPUBackend.PreparedLinear] = []
        let first = try backend.prepareLinear(LinearWeight(matrix: .dense(linear.dense)), bias: nil)
        if first.linear.choice(tokens: tokens).kernel == .fewTokens {
            own = try copies(of: linear.dense, count: Self.copyCount(byteCount: linear.dense.byteCount))
            alternatives.append { [backend, own] in _ = backend.multiply(input, by: own[$0 % own.count]) }
        }
        let medians = try timer.medians(alternatives)

        let layer = sparse[0].linear
        let difference = Self.difference(
            backend.floats(of: backend.multiply(input, by: sparse[0])), library.output)
        guard difference <= Self.tolerance else {
            throw MeasurementError.resultsDiffer(
                shape: shape.name, tokens: tokens, kernels: [layer.kernelName(tokens: tokens), library.name],
                difference: difference)
        }
        let outside = 4 * tokens * (shape.rows + shape.columns)
        let operations = 2 * Double(shape.rows) * Double(shape.columns) * Double(tokens)
        let density = Double(linear.sparse.pattern.kept) / Double(linear.sparse.pattern.group)
        return GemmPoint(
            shape: shape, tokens: tokens, pattern: linear.sparse.pattern, threads: backend.threadCount,
            sparse: GemmPoint.Side(
                kernel: layer.kernelName(tokens: tokens), seconds: medians[0], operations: operations,
                performed: operations * density, weightBytes: layer.residentBytes, otherBytes: outside, peak: peak),
            reason: layer.choice(tokens: tokens).reason.rawValue,
            dense: GemmPoint.Side(
                kernel: library.name, seconds: medians[1], operations: operations, performed: operations,
                weightBytes: library.weightBytes, otherBytes: outside, peak: peak),
            ownDense: own.first.map { ($0.linear.kernelName(tokens: tokens), medians[2]) }, difference: difference)
    }

    private func copies(of matrix: SparseMatrix, count: Int) throws -> [CPUBackend.PreparedLinear] {
        try (0..<count).map { _ in
            try backend.prepareLinear(LinearWeight(matrix: .sparse(matrix.copied())), bias: nil)
        }
    }

    private func copies(of tensor: Tensor, count: Int) throws -> [CPUBackend.PreparedLinear] {
        try (0..<count).map { _ in
            try backend.prepareLinear(LinearWeight(matrix: .dense(tensor.copied())), bias: nil)
        }
    }

    /// How many copies of weights of this size fill the last-level cache one and a half times, as far as an eighth of the
    /// free memory holds them; at least 2 and at most 512.
    package static func copyCount(byteCount: Int) -> Int {
        let wanted = Processor.lastLevelCacheBytes * 3 / 2
        let allowed = min(wanted, (Processor.availableMemoryBytes ?? 8 * wanted) / 8)
        return min(max(2, (allowed + byteCount - 1) / max(byteCount, 1)), 512)
    }

    /// Root mean square of the difference as a share of that of `reference`; infinite where one has no finite values.
    static func difference(_ values: [Float], _ reference: [Float]) -> Double {
        guard values.count == reference.count else { return .infinity }
        var squares = 0.0
        var total = 0.0
        for (value, expected) in zip(values, reference) {
            let gap = Double(value) - Double(expected)
            squares += gap * gap
            total += Double(expected) * Double(expected)
        }
        guard squares.isFinite, total.isFinite else { return .infinity }
        return squares == 0 ? 0 : total == 0 ? .infinity : (squares / total).squareRoot()
    }
}
