// A backend that is neither the processor nor a GPU, with two kernels and a clock of its own, is tuned and measured by the same code.

import ESparseCore
import ESparseFormats
import ESparseMeasurement
import ESparseReference
import ESparseRuntime
import FoundationEssentials
import Synchronization
import Testing

extension KernelName {
    fileprivate static let few = KernelName("few")
    fileprivate static let many = KernelName("many")
}

/// A kind of linear of the third backend; kernel "many" has a parameter.
private struct ToyKind: ProfiledKind {
    let rows: Int
    let columns: Int
    var pattern: SparsityPattern? { .twoOfFour }
    var kernels: [KernelName] { [.few, .many] }

    init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    init?(entry: JSONValue) {
        guard let rows = entry["rows"]?.integer, let columns = entry["columns"]?.integer else { return nil }
        self.init(rows: rows, columns: columns)
    }

    func allows(_ parameter: Int, for kernel: KernelName) -> Bool { kernel == .many }

    static func choices(in entry: JSONValue) -> [KernelChoice<Int>]? {
        entry["kernels"]?.array?.compactMap { item in
            item["kernel"]?.text.map { KernelChoice(KernelName($0), parameter: item["parameter"]?.integer) }
        }
    }

    func entry(_ choices: [KernelChoice<Int>]) -> JSONValue {
        .sorted([
            "rows": .integer(rows), "columns": .integer(columns),
            "kernels": .array(
                choices.map { choice in
                    var fields: [String: JSONValue] = ["kernel": .text(choice.kernel.rawValue)]
                    fields["parameter"] = choice.parameter.map { .integer($0) }
                    return .sorted(fields)
                }),
        ])
    }
}

/// Multiplies in plain loops; its clock says a second a token for "few", ten and a tenth a token for "many", and 20 for dense.
private final class ToyBackend: MeasuredBackend {
    struct Linear: Sendable {
        let rows: Int
        let weights: [Float]
        var kernel: KernelName?
    }

    let profile: KernelProfile<ToyKind>?
    /// Whether "many" gives wrong results.
    let isBroken: Bool
    private let clock = Mutex(0.0)

    init(profile: KernelProfile<ToyKind>? = nil, isBroken: Bool = false) {
        self.profile = profile
        self.isBroken = isBroken
    }

    func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> Linear {
        switch weight.matrix {
        case .dense(let tensor): Linear(rows: weight.rows, weights: try tensor.floats())
        case .sparse(let matrix): Linear(rows: weight.rows, weights: try matrix.decompressedFloats())
        }
    }

    func activation(_ values: [Float], channels: Int) -> (values: [Float], channels: Int) { (values, channels) }

    func floats(of activation: (values: [Float], channels: Int)) -> [Float] { activation.values }

    func multiply(_ input: (values: [Float], channels: Int), by linear: Linear) -> (values: [Float], channels: Int) {
        let (columns, tokens) = (input.channels, input.values.count / input.channels)
        let products = (0..<tokens * linear.rows).map { index in
            let (token, row) = index.quotientAndRemainder(dividingBy: linear.rows)
            return (0..<columns).reduce(Float(0)) {
                $0 + input.values[token * columns + $1] * linear.weights[row * columns + $1]
            }
        }
        clock.withLock { now in
            switch linear.kernel {
            case .few: now += Double(tokens)
            case .many: now += 10 + Double(tokens) / 10
            default: now += 20
            }
        }
        let isWrong = isBroken && linear.kernel == .many
        return (isWrong ? products.map { $0 + 1 } : products, linear.rows)
    }

    func kind(of weight: LinearWeight) -> ToyKind { ToyKind(rows: weight.rows, columns: weight.columns) }
    func ruleKernel(for kind: ToyKind, tokens: Int) -> KernelName { .few }

    func linear(_ linear: Linear, using kernel: KernelName) -> Linear {
        Linear(rows: linear.rows, weights: linear.weights, kernel: kernel)
    }

    func copyCount(of weight: LinearWeight) -> Int { 3 }

    /// "many" finds parameter 7.
    func settle(_ linear: Linear, for input: (values: [Float], channels: Int)) -> Int? {
        linear.kernel == .many ? 7 : nil
    }

    func seconds(of work: () throws -> Void) throws -> Double {
        let start = clock.withLock { $0 }
        try work()
        return clock.withLock { $0 } - start
    }

    var profileFile: ProfileFile<ToyKind> {
        ProfileFile(
            format: "toy", machine: ["toy": "one"], cacheName: ("toy", "one"), otherMachine: { .otherDevice(path: $0) })
    }
    var circumstance: String { "on a toy" }
    static var tolerance: Double { 1e-6 }
    func timedKernels(of kind: ToyKind, tokens: Int) -> [KernelName] { kind.kernels }

    func denseSides(
        of weight: GemmWeight<ToyBackend>, shape: String, tokens: Int, values: [Float],
        input: (values: [Float], channels: Int)
    ) throws -> [DenseSide] {
        let copies = try weight.denseCopies()
        return [
            DenseSide(
                name: "loops", weightBytes: 4 * copies[0].weights.count,
                run: { _ = self.multiply(input, by: copies[$0 % copies.count]) },
                output: { self.multiply(input, by: copies[0]).values })
        ]
    }

    func weightBytes(of linear: Linear) -> (read: Int, secondForm: Int) { (2 * linear.weights.count, 0) }

    func gemmLayout() -> GemmLayout {
        GemmLayout(
            heading: "a toy\n", members: { ["toy": "one"] }, pointMembers: { ["kernel_count": $0.kernels.count] },
            columns: [.tokens, .speedup])
    }
}

@Suite struct ThirdBackendTests {
    private let target = TuningTarget(rows: 4, columns: 8, pattern: .twoOfFour, elementType: .float32)

    @Test func tuningChoosesTheFasterKernelOfEveryClass() throws {
        // The second kind of weight is the same kind of linear here.
        let same = TuningTarget(rows: 4, columns: 8, pattern: .twoOfFour, elementType: .bfloat16)
        let report = try KernelTuner(backend: ToyBackend(), secondsPerPoint: 0, threadCount: 1).run([target, same])
        var profile = KernelProfile<ToyKind>()
        try report.merge(into: &profile)
        let expected = TokenClass.bounds.map {
            $0 <= 8 ? KernelChoice<Int>(.few) : KernelChoice(.many, parameter: 7)
        }
        #expect(profile.choices == [ToyKind(rows: 4, columns: 8): expected])
        #expect(report.kindCount == 1)
        let lines = report.text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
        #expect(lines.first { $0.contains("8") }?.suffix(3) == ["few", "the", "same"])
        // 64 seconds against 16.4.
        #expect(lines.first { $0.contains("64") }?.suffix(3) == ["many", "few", "3.90x"])
        let file = ToyBackend().profileFile
        #expect(try file.parse(file.bytes(of: profile), path: "p") == profile)
    }

    @Test func rangesFollowTheProfile() throws {
        var profile = KernelProfile<ToyKind>()
        let choices = TokenClass.bounds.map { KernelChoice<Int>($0 < 100 ? .many : .few) }
        try profile.set(choices, for: ToyKind(rows: 4, columns: 8))
        let backend = ToyBackend(profile: profile)
        func ranges(rows: Int) throws -> [String] {
            let zeros = try Tensor([Float](repeating: 0, count: rows * 8), shape: [rows, 8])
            return backend.ranges(of: LinearWeight(matrix: .dense(zeros))).map(\.description)
        }
        #expect(try ranges(rows: 4) == ["1-64 many (profile)", "65+ few (profile)"])
        #expect(try ranges(rows: 5) == ["1+ few (rule)"])
    }

    private func report(_ backend: ToyBackend) throws -> GemmReport {
        let settings = try GemmSettings(
            shapes: GemmShape.list("4x8"), tokens: [8, 64], patterns: [.twoOfFour], secondsPerPoint: 0)
        return try GemmBenchmark(settings, backend: backend, threadCount: 1).run()
    }

    @Test func theBenchmarkComparesAllKernelsWithDense() throws {
        struct Decoded: Decodable {
            struct Point: Decodable {
                let tokens: Int
                let sparse_kernel: String
                let sparse_seconds: Double
                let dense_seconds: Double
                let speedup: Double
                let sparse_weight_bytes: Int
                let dense_weight_bytes: Int
                let kernel_count: Int
            }
            let toy: String
            let results: [Point]
        }
        let report = try report(ToyBackend())
        let decoded = try JSONDecoder().decode(Decoded.self, from: JSONEncoder().encode(report))
        #expect(decoded.toy == "one" && decoded.results.map(\.tokens) == [8, 64])
        #expect(decoded.results.map(\.sparse_seconds) == [8, 64] && decoded.results.map(\.speedup) == [2.5, 0.3125])
        for point in decoded.results {
            #expect(point.sparse_kernel == "few" && point.dense_seconds == 20 && point.kernel_count == 2)
            #expect(point.sparse_weight_bytes == 64 && point.dense_weight_bytes == 128)
        }
        #expect(report.text.hasPrefix("a toy\ntokens") && report.text.contains("0.31x"))
    }

    @Test func kernelsThatDisagreeAreReported() {
        #expect {
            try report(ToyBackend(isBroken: true))
        } throws: { error in
            guard case .resultsDiffer("4x8", 8, ["many", "loops"], _)? = error as? MeasurementError else {
                return false
            }
            return true
        }
    }
}
