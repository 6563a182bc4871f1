// Shapes, medians, random linears and the report of `benchmark gemm`; nothing here looks at speed.

import ESparseCPU
import ESparseCore
import ESparseMeasurement
import FoundationEssentials
import Testing

/// What the issue promises to readers of the JSON.
private struct DecodedReport: Decodable {
    struct Point: Decodable {
        let rows: Int
        let columns: Int
        let tokens: Int
        let pattern: String
        let threads: Int
        let sparse_kernel: String
        let dense_kernel: String
        let sparse_seconds: Double
        let dense_seconds: Double
        let speedup: Double
    }

    let results: [Point]
}

@Suite struct GemmTests {
    @Test func shapesOfLlama7BAreThePapersFour() throws {
        let shapes = try GemmShape.list("llama-7b")
        #expect(shapes.map(\.layer) == ["QKV", "attention out", "FFN-1", "FFN-2"])
        #expect(shapes.map(\.name) == ["12288x4096", "4096x4096", "11008x4096", "4096x11008"])
    }

    @Test func storedShapesOfAModelWithGroupedHeads() throws {
        // TinyLlama: 2048 channels, 4 key/value heads of 64, 5632 inner channels.
        let shapes = try GemmShape.list("tinyllama-1.1b", as: .storedLinears)
        #expect(shapes.map(\.name) == ["2048x2048", "256x2048", "5632x2048", "2048x5632"])
    }

    @Test func shapesAreRowsThenColumns() throws {
        let shapes = try GemmShape.list("3x8,opt-6.7b,16x4")
        #expect(shapes.count == 6)
        #expect(shapes[0].rows == 3 && shapes[0].columns == 8 && shapes[5].rows == 16 && shapes[5].columns == 4)
        #expect(shapes[4].name == "4096x16384")
    }

    @Test(arguments: [
        "", "llama", "4096", "4096x", "x4096", "4096x4096x4", "-1x4", "4 x4", "0x4", "4x0", "1048577x4", "1048576x4096",
        "99999999999999999999x4", "4096x4096,", "+4x4",
    ])
    func otherTextIsRefused(_ text: String) {
        #expect(throws: MeasurementError.self) { try GemmShape.list(text) }
    }

    @Test func patternsMustDivideColumns() throws {
        let shapes = try GemmShape.list("8x12")
        #expect(throws: MeasurementError.indivisible(shape: "8x12", pattern: .fourOfEight)) {
            try GemmSettings(
                shapes: shapes, tokens: [1], patterns: [.twoOfFour, .fourOfEight], secondsPerPoint: 1)
        }
    }

    @Test func medians() {
        #expect(AlternatingTimer.median([]) == 0)
        #expect(AlternatingTimer.median([3, 1, 2]) == 2)
        #expect(AlternatingTimer.median([4, 1, 2, 3]) == 2.5)
    }

    @Test func alternativesTakeTurnsAndCountTheirCalls() throws {
        var calls: [(Int, Int)] = []
        _ = try AlternatingTimer(budget: 0).medians([
            { calls.append((0, $0)) }, { calls.append((1, $0)) },
        ])
        for alternative in 0...1 {
            let counts = calls.filter { $0.0 == alternative }.map(\.1)
            #expect(counts == Array(0..<counts.count))
            #expect(counts.count >= 7)
        }
    }

    @Test(arguments: [SparsityPattern.twoOfFour, .fourOfEight, SparsityPattern(kept: 1, group: 3)])
    func randomLinearsHaveTheirPatternAndTheirDenseTwin(_ pattern: SparsityPattern?) throws {
        let pattern = try #require(pattern)
        let columns = 10 * pattern.group
        let linear = try RandomLinear(
            rows: 5, columns: columns, pattern: pattern, seed: 3, pool: ThreadPool(threadCount: 2))
        let dense = try linear.dense.floats()
        let values = try linear.sparse.values.floats()
        #expect(dense.filter { $0 != 0 } == values)
        for first in stride(from: 0, to: dense.count, by: pattern.group) {
            #expect(dense[first..<first + pattern.group].count { $0 != 0 } == pattern.kept)
        }
        let alone = try RandomLinear(
            rows: 5, columns: columns, pattern: pattern, seed: 3, pool: ThreadPool(threadCount: 1))
        #expect(try alone.dense.floats() == dense)
    }

    @Test func theReportHasTheKeysThatScriptsRead() throws {
        let backend = try CPUBackend(precision: .float32, threadCount: 2)
        let settings = try GemmSettings(
            shapes: GemmShape.list("64x32"), tokens: [1, 70], patterns: [.twoOfFour], secondsPerPoint: 0.001)
        let report = try GemmBenchmark(settings, backend: backend, threadCount: 2).run()
        let results = try JSONDecoder().decode(DecodedReport.self, from: JSONEncoder().encode(report)).results
        #expect(results.map(\.tokens) == [1, 70])
        for result in results {
            #expect(result.rows == 64 && result.columns == 32 && result.threads == 2 && result.pattern == "2:4")
            #expect(result.sparse_seconds > 0 && result.dense_seconds > 0 && !result.sparse_kernel.isEmpty)
            #expect(abs(result.speedup * result.sparse_seconds / result.dense_seconds - 1) < 1e-9)
            #expect(result.dense_kernel.hasPrefix("onednn-"))
        }
        #expect(report.text.contains("64x32"))
    }
}
