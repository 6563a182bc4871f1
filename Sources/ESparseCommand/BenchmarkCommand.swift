// `esparse benchmark gemm`: how fast single linears are, sparse against dense; and `esparse benchmark`, which holds it.

import ArgumentParser
import ESparseCPU
import ESparseCore
import ESparseMeasurement
import ESparseReport
import ESparseRuntime

struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure speed and memory, sparse against dense.",
        subcommands: [BenchmarkGemmCommand.self, BenchmarkModelCommand.self, BenchmarkModelRunCommand.self])
}

struct BenchmarkGemmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gemm",
        abstract: "Measure matrix products, sparse against oneDNN or, on a GPU, cuBLASLt.",
        discussion: """
            Random weights of the given shapes, bf16; the two sides take turns and their results are compared. The dense \
            side is oneDNN with weights in its own order, in the fastest data type of this processor; on a GPU it is \
            cuBLASLt with the fastest of its algorithms, and every kernel that can run the sparse weights is timed.
            """)

    @Option(help: ArgumentHelp("Models' names or ROWSxCOLUMNS, separated by commas.", valueName: "list"))
    var shapes: String = "llama-7b"

    @Option(help: ArgumentHelp("Numbers of tokens, separated by commas.", valueName: "list"))
    var tokens: NumberList = NumberList([1, 8, 64, 512, 2048])

    @Option(help: ArgumentHelp("Patterns N:M, separated by commas.", valueName: "list"))
    var pattern: PatternList = PatternList([.twoOfFour, .fourOfEight])

    @OptionGroup var device: DeviceOption

    @Option(help: "Arithmetic; where not given, bf16 where the processor has it, else f32.")
    var precision: Precision?

    @Option(help: ArgumentHelp("Seconds of measuring each point, beyond a few rounds it needs.", valueName: "s"))
    var seconds: Double = 1

    @OptionGroup var threads: ThreadOption
    @OptionGroup var profile: ProfileOption
    @OptionGroup var json: JSONOption

    func validate() throws {
        guard seconds > 0, seconds <= 3600 else {
            throw ValidationError("--seconds must be above 0 and at most 3600")
        }
        _ = try settings
    }

    private var settings: GemmSettings {
        get throws {
            do {
                return try GemmSettings(
                    shapes: GemmShape.list(shapes), tokens: tokens.values, patterns: pattern.values,
                    secondsPerPoint: seconds)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    }

    func run() throws {
        let progress = TerminalProgress()
        let device = try device.open(
            precision: precision, threads: threads, profile: profile.source, weightType: nil, note: progress.note)
        let report = try measure(device.measured, progress)
        try json.write(encoding: report)
        print(report.text, terminator: "")
    }

    private func measure(_ backend: some MeasuredBackend, _ progress: TerminalProgress) throws -> GemmReport {
        try GemmBenchmark(settings, backend: backend, threadCount: threads.count).run(progress: progress)
    }
}
