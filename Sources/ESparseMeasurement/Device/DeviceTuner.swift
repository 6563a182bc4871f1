// Finds the fastest kernel on a device for each kind of sparse linear and class of token counts, by trying all that can run.

package import ESparseCUDA
package import ESparseCore
import ESparseKernels
import ESparseReport

/// What was measured for one kind of linear and class of token counts.
package struct DeviceTuningPoint: Sendable, Encodable {
    let traits: CUDALinearTraits
    /// The largest number of tokens of the class.
    let tokens: Int
    /// What the built-in rules choose.
    let rule: CUDALinearKernel
    /// Seconds of a pass by each kernel.
    let seconds: [CUDALinearKernel: Double]
    /// What is chosen.
    let choice: CUDAKernelChoice

    private enum CodingKeys: String, CodingKey {
        case rows, columns, pattern, kernel, seconds
        case tokens = "up_to_tokens"
        case rule = "rule_kernel"
    }

    /// Encodes the point as one flat object.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(traits.rows, forKey: .rows)
        try container.encode(traits.columns, forKey: .columns)
        try container.encode(traits.pattern, forKey: .pattern)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(choice.kernel, forKey: .kernel)
        try container.encode(rule, forKey: .rule)
        let named = Dictionary(uniqueKeysWithValues: seconds.map { ($0.key.rawValue, $0.value) })
        try container.encode(named, forKey: .seconds)
    }
}

/// The result of tuning a device.
package struct DeviceTuningReport: Sendable, Encodable {
    /// All points, those of one kind of linear together.
    package let results: [DeviceTuningPoint]

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
        var table = TextTable(header: ["shape", "pattern", "tokens", "kernel", "built-in rule", "faster than rule"])
        for point in results {
            let (chosen, rule) = (point.choice.kernel, point.rule)
            let gain = point.seconds[rule].flatMap { seconds in
                point.seconds[chosen].map { Quantity.fixed(seconds / $0, decimals: 2) + "x" }
            }
            table.append([
                "\(point.traits.rows)x\(point.traits.columns)", point.traits.pattern?.description ?? "dense",
                "up to \(point.tokens)", chosen.rawValue, chosen == rule ? "the same" : rule.rawValue,
                chosen == rule ? "" : gain ?? "-",
            ])
        }
        return table.plainText
    }
}

/// Measures kernels on a device. "Dense" is among them: the weight is written out for each pass and multiplied by cuBLASLt, so a linear for
/// which dense is faster needs no dense copy.
package struct DeviceTuner {
    private let backend: CUDABackend
    private let secondsPerPoint: Double
    private let threadCount: Int

    /// Another kernel must be this much faster than the rules' to be preferred: differences below are noise.
    private static let margin = 1.02
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
            return Array(used)
        }
        let medians = try DeviceTimer(backend: backend, budget: secondsPerPoint).medians(of: sides, input: input)
        let seconds = Dictionary(uniqueKeysWithValues: zip(kernels, medians))
        let rule = traits.ruleKernel(tokens: tokens)
        let kernel = Self.fastest(seconds, preferring: rule)
        return DeviceTuningPoint(
            traits: traits, tokens: tokens, rule: rule, seconds: seconds,
            choice: CUDAKernelChoice(kernel: kernel, algorithm: algorithms[kernel]))
    }

    /// The kernel with the shortest time, but `rule` where it is as good as that.
    package static func fastest(
        _ seconds: [CUDALinearKernel: Double], preferring rule: CUDALinearKernel
    ) -> CUDALinearKernel {
        let ordered = seconds.sorted { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }
        guard let best = ordered.first else { return rule }
        guard let ruleSeconds = seconds[rule] else { return best.key }
        return ruleSeconds <= best.value * margin ? rule : best.key
    }
}
