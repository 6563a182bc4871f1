// Sparse against dense matrix products, taking turns on the same random data, with results checked.

import ESparseCPU
package import ESparseCore

/// Measures linears of given shapes, sparse against dense, on any backend.
///
/// The sparse side is what a model runs: the linear with the kernel that its rules or profile choose, beside others where the
/// backend times more than one. The dense side is what the backend has best for the same weights with their zeros written
/// out. With few tokens weights exist in as many copies as the backend says, read in turn, so that they come from memory
/// rather than a cache.
package struct GemmBenchmark<Measured: MeasuredBackend> {
    private let settings: GemmSettings
    private let backend: Measured
    private let timer: AlternatingTimer
    private let threadCount: Int

    /// Measures on `backend`; `threadCount` threads of the processor draw the weights.
    package init(_ settings: GemmSettings, backend: Measured, threadCount: Int) {
        self.settings = settings
        self.backend = backend
        self.threadCount = threadCount
        timer = AlternatingTimer(budget: settings.secondsPerPoint)
    }

    /// Runs all points.
    ///
    /// - Throws: `MeasurementError`; the backend's error; `InterruptedError`.
    package func run(progress: any ProgressReporter = SilentProgress()) throws -> GemmReport {
        let total = settings.shapes.count * settings.patterns.count * settings.tokens.count
        var points: [GemmPoint] = []
        progress.report(stage: "Measuring", completed: 0, total: total, unit: "points")
        let layout = backend.gemmLayout()
        let pool = ThreadPool(threadCount: threadCount)
        for shape in settings.shapes {
            for pattern in settings.patterns {
                let weight = GemmWeight(
                    try RandomLinear(
                        rows: shape.rows, columns: shape.columns, pattern: pattern, seed: 0, pool: pool),
                    backend: backend)
                for tokens in settings.tokens {
                    try Interruption.check()
                    points.append(try point(shape, pattern, tokens: tokens, weight: weight))
                    progress.report(stage: "Measuring", completed: points.count, total: total, unit: "points")
                }
            }
        }
        return GemmReport(layout: layout, results: points)
    }

    private func point(
        _ shape: GemmShape, _ pattern: SparsityPattern, tokens: Int, weight: GemmWeight<Measured>
    ) throws -> GemmPoint {
        let values = RandomLinear.input(tokens: tokens, columns: shape.columns, seed: UInt64(tokens))
        let input = try backend.handedOn(backend.activation(values, channels: shape.columns))
        let kind = backend.kind(of: weight.sparse)
        let (chosen, reason) = backend.choice(for: kind, tokens: tokens)
        let copies = try weight.sparseCopies()
        let kernels = backend.timedKernels(of: kind, tokens: tokens)
        let sparse = try kernels.map { kernel in
            let linears = LinearsInTurn(copies, using: kernel, tokens: tokens, input: input, backend: backend)
            _ = try linears.settle()
            return linears
        }
        let dense = try backend.denseSides(of: weight, shape: shape.name, tokens: tokens, values: values, input: input)
        let expected = try dense[0].output()
        var difference = 0.0
        for (kernel, linears) in zip(kernels, sparse) {
            let found = Self.difference(try linears.output(), expected)
            guard found <= Measured.tolerance else {
                throw MeasurementError.resultsDiffer(
                    shape: shape.name, tokens: tokens, kernels: [kind.shownName(of: kernel), dense[0].name],
                    difference: found)
            }
            difference = max(difference, found)
        }
        let medians = try timer.medians(sparse.map { $0.run } + dense.map(\.run), measuredBy: backend.seconds)
        let timed = zip(kernels, medians).map { (name: kind.shownName(of: $0), seconds: $1) }
        let bytes = backend.weightBytes(of: copies[0])
        return GemmPoint(
            shape: shape, tokens: tokens, pattern: pattern,
            sparse: GemmPoint.Side(
                kernel: kind.shownName(of: chosen),
                seconds: timed.first { $0.name == kind.shownName(of: chosen) }?.seconds ?? .infinity,
                weightBytes: bytes.read),
            reason: reason, secondFormBytes: bytes.secondForm, kernels: timed,
            dense: zip(dense, medians.dropFirst(kernels.count)).map {
                GemmPoint.Side(kernel: $0.name, seconds: $1, weightBytes: $0.weightBytes)
            },
            difference: difference)
    }

    /// Root mean square of the difference as a share of that of `reference`; infinite where one has no finite values.
    private static func difference(_ values: [Float], _ reference: [Float]) -> Double {
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
