// Sparse against dense matrix products on a GPU: every kernel that can run, and cuBLASLt on the dense weights as the other side.

import ESparseCPU
package import ESparseCUDA
package import ESparseCore

/// Measures linears of given shapes on a device.
///
/// The dense side is cuBLASLt on the same weights with their zeros written out, by the fastest of the algorithms that it proposes; so is
/// cuSPARSELt's, by its own search. Times are the device's own, between marks on its stream; sides take turns. Up to 64 tokens weights lie
/// in as many copies as exceed the device's caches, read in turn.
package struct DeviceGemmBenchmark {
    private let settings: GemmBenchmark.Settings
    private let backend: CUDABackend
    private let threadCount: Int

    /// Largest root mean square difference of two kernels' results, as a share of the results' own: both round to 16 bits, which is off by
    /// at most 2^-9 each.
    static let tolerance = 6e-3
    /// Up to this many tokens every pass reads its weights from memory.
    static let fewTokens = 64
    /// Bytes that no device's caches hold.
    private static let coldBytes = 256 << 20

    /// Measures on `backend`; `threadCount` threads of the processor draw the weights.
    package init(_ settings: GemmBenchmark.Settings, backend: CUDABackend, threadCount: Int) {
        self.threadCount = threadCount
        self.settings = settings
        self.backend = backend
    }

    /// Runs all points.
    ///
    /// - Throws: `MeasurementError`; `CUDAError`; `InterruptedError`.
    package func run(progress: any ProgressReporter = SilentProgress()) throws -> DeviceGemmReport {
        let pool = ThreadPool(threadCount: threadCount)
        let total = settings.shapes.count * settings.patterns.count * settings.tokens.count
        var points: [DeviceGemmPoint] = []
        for shape in settings.shapes {
            for pattern in settings.patterns {
                let drawn = try RandomLinear(
                    rows: shape.rows, columns: shape.columns, pattern: pattern, seed: 0, pool: pool)
                let count = Self.copyCount(rows: shape.rows, columns: shape.columns)
                let sparse = try (0..<count).map { _ in
                    try backend.prepareLinear(LinearWeight(matrix: .sparse(drawn.sparse)), bias: nil)
                }
                let dense = try (0..<count).map { _ in
                    try backend.prepareLinear(LinearWeight(matrix: .dense(drawn.dense)), bias: nil)
                }
                for tokens in settings.tokens {
                    try Interruption.check()
                    progress.report(stage: "Measuring", completed: points.count, total: total, unit: "points")
                    points.append(try point(shape, pattern, tokens: tokens, sparse: sparse, dense: dense))
                }
            }
        }
        progress.report(stage: "Measuring", completed: total, total: total, unit: "points")
        return DeviceGemmReport(backend: backend, results: points)
    }

    /// Copies of a weight of this shape that no cache holds; at least 2 and at most 64.
    static func copyCount(rows: Int, columns: Int) -> Int {
        max(2, min(64, coldBytes / (2 * max(rows * columns, 1)) + 1))
    }

    private func point(
        _ shape: GemmShape, _ pattern: SparsityPattern, tokens: Int, sparse: [CUDALinear], dense: [CUDALinear]
    ) throws -> DeviceGemmPoint {
        let input = backend.rounded(
            backend.activation(
                RandomLinear.input(tokens: tokens, columns: shape.columns, seed: UInt64(tokens)),
                channels: shape.columns))
        let kernels = sparse[0].traits.possibleKernels
        let sides =
            try ([dense] + kernels.map { kernel in sparse.map { $0.using(kernel) } }).map { linears in
                let used = Array(linears.prefix(tokens <= Self.fewTokens ? linears.count : 2))
                // A plan belongs to one linear where it holds that one's bias, else to the shape.
                for linear in used { try backend.searchAlgorithm(of: linear, for: input) }
                return used
            }
        let expected = backend.floats(of: backend.multiply(input, by: dense[0]))
        var difference = 0.0
        for (kernel, side) in zip(kernels, sides.dropFirst()) {
            let found = GemmBenchmark.difference(backend.floats(of: backend.multiply(input, by: side[0])), expected)
            guard found <= Self.tolerance else {
                throw MeasurementError.resultsDiffer(
                    shape: shape.name, tokens: tokens,
                    kernels: [kernel.rawValue, CUDALinearKernel.denseLibrary.rawValue], difference: found)
            }
            difference = max(difference, found)
        }
        let timer = AlternatingTimer(budget: settings.secondsPerPoint)
        let seconds = try timer.medians(of: sides, input: input, on: backend)
        return DeviceGemmPoint(
            shape: shape, tokens: tokens, pattern: pattern, denseSeconds: seconds[0],
            denseBytes: dense[0].byteCount.own, sparseBytes: sparse[0].byteCount,
            chosen: sparse[0].kernel(tokens: tokens).rawValue,
            kernels: zip(kernels, seconds.dropFirst()).map { .init(name: $0.rawValue, seconds: $1) },
            difference: difference)
    }
}
