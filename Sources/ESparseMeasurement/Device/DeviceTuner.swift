// Finds the fastest kernel on a device for each kind of sparse linear and class of token counts, by trying all that can run.

import ESparseCPU
package import ESparseCUDA
package import ESparseCore

/// What was measured for one kind of linear and class of token counts.
package struct DeviceTuningPoint: Sendable, Encodable {
    let traits: CUDALinearTraits
    let row: TuningRow<CUDALinearKernel>
    /// The row's kernel, with its algorithm.
    let choice: CUDAKernelChoice

    /// Encodes the point as one flat object.
    package func encode(to encoder: any Encoder) throws { try row.encode(to: encoder) }
}

/// The result of tuning a device.
package struct DeviceTuningReport: Sendable, Encodable {
    /// All points, those of one kind of linear together.
    package let results: [DeviceTuningPoint]

    /// Puts a report together.
    package init(results: [DeviceTuningPoint]) { self.results = results }

    /// Kinds of linear that were measured.
    package var kindCount: Int { Set(results.map(\.traits)).count }

    /// Adds the choices to a profile, replacing those for the same kinds of linear.
    package func merge(into profile: inout CUDAKernelProfile) {
        for (traits, points) in Dictionary(grouping: results, by: \.traits) {
            let isSet = profile.set(points.map(\.choice), for: traits)
            precondition(isSet, "a kernel that has just run is possible")
        }
    }

    /// One row a point.
    package var text: String {
        TuningRow<CUDALinearKernel>.table(results.map { $0.row.cells(\.rawValue) })
    }
}

/// Measures kernels on a device. "Dense" is among them: the weight is written out for each pass and multiplied by cuBLASLt, so a linear for
/// which dense is faster needs no dense copy.
package struct DeviceTuner {
    private let backend: CUDABackend
    private let secondsPerPoint: Double
    private let threadCount: Int

    /// Beyond this many tokens our product, 16 at a time, is not tried.
    private static let mostFewTokens = 64

    /// Measures on `backend`; `threadCount` threads of the processor draw the weights.
    package init(backend: CUDABackend, secondsPerPoint: Double, threadCount: Int) {
        self.backend = backend
        self.secondsPerPoint = secondsPerPoint
        self.threadCount = threadCount
    }

    /// Measures all targets, whatever their element type: all are rounded to the backend's.
    ///
    /// - Throws: `CUDAError`; `InterruptedError`.
    package func run(
        _ targets: [TuningTarget], progress: any ProgressReporter = SilentProgress()
    ) throws -> DeviceTuningReport {
        let pool = ThreadPool(threadCount: threadCount)
        let total = targets.count * TokenClass.bounds.count
        var points: [DeviceTuningPoint] = []
        var seen: Set<CUDALinearTraits> = []
        for target in targets {
            let drawn = try RandomLinear(
                rows: target.rows, columns: target.columns, pattern: target.pattern, seed: 0, pool: pool)
            let weight = LinearWeight(matrix: .sparse(drawn.sparse))
            guard seen.insert(backend.traits(of: weight)).inserted else { continue }
            let linears = try (0..<DeviceGemmBenchmark.copyCount(rows: target.rows, columns: target.columns)).map { _ in
                try backend.prepareLinear(weight, bias: nil)
            }
            for tokens in TokenClass.bounds {
                try Interruption.check()
                progress.report(stage: "Tuning", completed: points.count, total: total, unit: "points")
                points.append(try point(linears, tokens: tokens))
            }
        }
        progress.report(stage: "Tuning", completed: total, total: total, unit: "points")
        return DeviceTuningReport(results: points)
    }

    private func point(_ linears: [CUDALinear], tokens: Int) throws -> DeviceTuningPoint {
        let traits = linears[0].traits
        let input = backend.rounded(
            backend.activation(
                RandomLinear.input(tokens: tokens, columns: traits.columns, seed: UInt64(tokens)),
                channels: traits.columns))
        let kernels = traits.possibleKernels.filter { $0 != .fewTokens || tokens <= Self.mostFewTokens }
        var algorithms: [CUDALinearKernel: SparseAlgorithm] = [:]
        let sides = try kernels.map { kernel in
            let used = linears.prefix(tokens <= DeviceGemmBenchmark.fewTokens ? linears.count : 2).map {
                $0.using(kernel)
            }
            for linear in used { algorithms[kernel] = try backend.searchAlgorithm(of: linear, for: input) }
            return used
        }
        let medians = try AlternatingTimer(budget: secondsPerPoint).medians(of: sides, input: input, on: backend)
        let seconds = Dictionary(uniqueKeysWithValues: zip(kernels, medians))
        let rule = traits.ruleKernel(tokens: tokens)
        let kernel = TuningChoice.fastest(seconds, preferring: rule)
        return DeviceTuningPoint(
            traits: traits,
            row: TuningRow(
                rows: traits.rows, columns: traits.columns, pattern: traits.pattern, tokens: tokens, kernel: kernel,
                rule: rule, seconds: seconds),
            choice: CUDAKernelChoice(kernel: kernel, algorithm: algorithms[kernel]))
    }
}
