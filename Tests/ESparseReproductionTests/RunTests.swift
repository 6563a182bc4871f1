// Whole runs with commands that only pretend: what is run, what is kept, what a stopped run repeats, what the report says.

import ESparseCore
import ESparseFormats
import ESparseMeasurement
import ESparseReport
import ESparseReproduction
import FoundationEssentials
import Testing

/// The tiny checkpoint of the command's tests.
let tinyModel = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Command/tiny-llama").path

/// A command was stopped.
private struct Stopped: Error {}

/// Stands for `esparse`: writes the JSON that each command would, and remembers what it was asked.
private final class PretendedCommand {
    private(set) var lines: [[String]] = []
    /// The run that is interrupted, counted from 0.
    var interrupted: Int?

    func run(_ arguments: [String]) throws {
        defer { lines.append(arguments) }
        if lines.count == interrupted { throw Stopped() }
        func value(_ option: String) -> String? {
            arguments.firstIndex(of: option).map { arguments[$0 + 1] }
        }
        let path = try #require(value("--json"))
        if arguments[0] == "prune" {
            try FileSystem.createFolder(#require(value("--output")))
            if let channels = value("--diagnostics") {
                try FileSystem.writeDurably(Array(Self.channels.utf8), to: channels)
            }
        }
        try FileSystem.writeDurably(Array(Self.result(of: arguments).utf8), to: path)
    }

    /// Perplexities differ with the folder that is evaluated, the same in every run.
    private static func result(of arguments: [String]) -> String {
        switch arguments[0] {
        case "prune": #"{"linears": [], "seconds": {"shuffle": 1.5, "statistics": 2}, "peak_resident_bytes": 1000000}"#
        case "inspect": #"{"weight_bytes_bf16": \#(arguments[1] == tinyModel ? 200 : 120), "file_bytes": 300}"#
        case "evaluate":
            """
            {"config": {"sequence_length": 64, "windows": 2}, "n-samples": {"arc_easy": {"effective": 2}}, "results": {
            "text": {"token_perplexity,none": \(20 + arguments[1].utf8.reduce(0) { ($0 * 31 + Int($1)) % 97 })},
            "arc_easy": {"acc,none": 0.5, "acc_stderr,none": 0.1}}}
            """
        default: arguments[1] == "gemm" ? gemm : model
        }
    }

    private static let gemm = """
        {"results": [
        {"model": "llama-7b", "layer": "QKV", "stage": "decoder", "rows": 12288, "columns": 4096, "tokens": 1,
        "pattern": "2:4", "speedup": 1.9, "sparse_seconds": 0.001, "dense_seconds": 0.0019,
        "sparse_weight_bytes": 7, "dense_weight_bytes": 16},
        {"model": "llama-7b", "layer": "QKV", "stage": "context", "rows": 12288, "columns": 4096, "tokens": 512,
        "pattern": "2:4", "speedup": 0.9, "sparse_seconds": 0.1, "dense_seconds": 0.09,
        "sparse_weight_bytes": 7, "dense_weight_bytes": 16}]}
        """
    private static let model = """
        {"results": [
        {"variant": "dense", "batch": 1, "prompt_tokens": 8, "generated_tokens": 4, "prefill_tokens_per_second": 100,
        "decode_tokens_per_second": 10, "time_to_first_token_seconds": 1, "peak_resident_bytes": 9, "weight_file_bytes": 8},
        {"variant": "packed", "batch": 1, "prompt_tokens": 8, "generated_tokens": 4, "prefill_tokens_per_second": 90,
        "decode_tokens_per_second": 15, "time_to_first_token_seconds": 1, "peak_resident_bytes": 7, "weight_file_bytes": 5}]}
        """
    static let channels = """
        {"group": 2, "sites": [{"block": 0, "site": "attention-input", "amplitudes": [3, 3, 1, 1],
        "entropies": [1, 1, 1, 1], "order": [0, 2, 1, 3],
        "linears": [{"name": "model.layers.0.self_attn.q_proj.weight", "retained_saliency": 0.75, "output_error": 0.25}]}]}
        """
}

@Suite struct RunTests {
    private let folder: TemporaryFolder
    private let base: ReproductionSettings

    init() throws {
        folder = try TemporaryFolder()
        try FileSystem.writeDurably(Array("a text".utf8), to: folder.path + "/text.txt")
        try FileSystem.writeDurably(Array("{}".utf8), to: folder.path + "/arc_easy.jsonl")
        base = settings(
            output: folder.path + "/results", text: folder.path + "/text.txt", calibration: folder.path + "/text.txt",
            tasks: [folder.path + "/arc_easy.jsonl"], limit: 2)
    }

    private func run(
        _ settings: ReproductionSettings, resume: Bool = false, _ command: PretendedCommand
    ) throws -> ReproductionResults {
        try ReproductionRun(settings, resume: resume, progress: SilentProgress(), command: command.run).run()
    }

    private func read(_ name: String, in folder: String) throws -> String {
        String(decoding: try FileSystem.read(folder + "/" + name), as: UTF8.self)
    }

    @Test func aWholeRunFillsEverySection() throws {
        let command = PretendedCommand()
        let results = try run(base, command)
        #expect(results.isComplete)
        let page = try read("report.html", in: base.output)
        for figure in [
            "perplexity-bars", "zero-shot-bars", "ablation-bars", "sensitivity-bars", "seeds", "retained", "error",
            "distributions", "gemm-bars", "model-prefill", "model-decode", "memory-measured", "memory-computed",
            "pruning-bars",
        ] { #expect(page.contains("<figure id=\"\(figure)\""), "\(figure)") }
        let json = try JSONParser.parse(FileSystem.read(base.output + "/results.json"))
        #expect(json["main"]?.array?.count == 19 && json["ablation"]?.array?.count == 20)
        #expect(json["complete"]?.boolean == true)
        // Means of the groups {3, 3}, {1, 1} over 2 are 1.5 and 0.5; dealt, both are 1.
        #expect(json["channels"]?["amplitude_spread"]?["before"] == .number(0.5))
        #expect(json["channels"]?["amplitude_spread"]?["after"] == .integer(0))
        #expect(json["memory_measured"]?.array?.count == 3)
        // 16 bytes over 7 where reading is the limit; twice where arithmetic is.
        let table = try read("report.md", in: base.output).split(separator: "\n")
        #expect(table.contains { $0.contains("decoder") && $0.contains("2.29x") })
        #expect(table.contains { $0.contains("context") && $0.contains("2.00x") })
        // Where E-Sparse or the sparse side loses, the report says so.
        #expect(page.contains("1 of them slower than dense"))
        // Pruned models are gone, records are there.
        #expect(try FileSystem.names(in: base.output + "/work").isEmpty)
        #expect(try FileSystem.names(in: base.output + "/experiments").count == command.experimentCount + 1)
    }

    @Test(arguments: [0, 1, 2, 3, 40, 97])
    func aStoppedRunGoesOnWhereItStopped(index: Int) throws {
        let whole = PretendedCommand()
        _ = try run(base, whole)
        let expected = try read("report.md", in: base.output)

        var settings = base
        settings.output = folder.path + "/results"
        try FileManager.default.removeItem(atPath: settings.output)
        let stopped = PretendedCommand()
        stopped.interrupted = index
        #expect(throws: Stopped.self) { try run(settings, stopped) }
        #expect(throws: ReproductionError.exists(path: settings.output)) { try run(settings, PretendedCommand()) }
        let resumed = PretendedCommand()
        _ = try run(settings, resume: true, resumed)
        // Only the interrupted command is run twice.
        #expect(stopped.lines.count + resumed.lines.count == whole.lines.count + 1)
        #expect(Self.withoutTimes(try read("report.md", in: settings.output)) == Self.withoutTimes(expected))
        // A finished run has nothing left to do.
        let again = PretendedCommand()
        _ = try run(settings, resume: true, again)
        #expect(again.lines.isEmpty)
    }

    /// Without the last section, whose times differ from run to run.
    private static func withoutTimes(_ report: String) -> Substring {
        report.prefix(upTo: report.firstRange(of: "## 7.")?.lowerBound ?? report.endIndex)
    }

    @Test func changesAreRefusedAndNamed() throws {
        _ = try run(base, PretendedCommand())
        var changed = base
        changed.samples = 4
        #expect(throws: ReproductionError.changed(path: base.output, differences: ["samples was 16 and is 4"])) {
            try run(changed, resume: true, PretendedCommand())
        }
        try FileSystem.writeDurably(Array("another text".utf8), to: folder.path + "/text.txt")
        #expect { try run(base, resume: true, PretendedCommand()) } throws: { error in
            "\(error)".contains("text was ") && "\(error)".contains("calibration was ")
        }
    }

    @Test func fewerSectionsNowMoreLater() throws {
        var settings = base
        settings.groups = [.gemm]
        let first = PretendedCommand()
        _ = try run(settings, first)
        #expect(first.lines.count == 1)
        settings.groups = [.gemm, .model]
        let second = PretendedCommand()
        _ = try run(settings, resume: true, second)
        #expect(second.lines.map(\.[0]) == ["prune", "benchmark"])
    }

    @Test func foldersAndRecordsThatAreNotOurs() throws {
        try FileSystem.createFolder(base.output)
        try FileSystem.writeDurably([], to: base.output + "/diary.txt")
        #expect(throws: ReproductionError.notAReproduction(path: base.output)) {
            try run(base, resume: true, PretendedCommand())
        }
        try FileSystem.remove(base.output + "/diary.txt")
        var settings = base
        settings.groups = [.gemm]
        _ = try run(settings, resume: true, PretendedCommand())
        let record = base.output + "/experiments/gemm.json"
        try FileSystem.writeDurably(Array("{".utf8), to: record)
        #expect { try run(settings, resume: true, PretendedCommand()) } throws: {
            "\($0)".contains("gemm.json is damaged")
        }
        settings.groups = [.main]
        settings.text = nil
        #expect(throws: ReproductionError.noText) { try run(settings, resume: true, PretendedCommand()) }
    }

    @Test func hostileNamesStayNames() throws {
        let name = folder.path + "/<script>alert(1)<"
        try FileManager.default.copyItem(atPath: tinyModel, toPath: name)
        var settings = base
        settings.model = name
        settings.groups = [.main]
        _ = try run(settings, PretendedCommand())
        let page = try read("report.html", in: base.output)
        #expect(page.contains("E-Sparse on &lt;script&gt;alert(1)&lt;") && !page.contains("<script"))
        // In code it may stand as it is.
        let markup = try read("report.md", in: base.output).split(separator: "\n").filter { !$0.hasPrefix("      ") }
        #expect(!markup.joined().contains("<script"))
    }
}

extension PretendedCommand {
    /// Experiments that were run: each evaluates once, or benchmarks, or only diagnoses.
    fileprivate var experimentCount: Int {
        lines.count { $0[0] == "evaluate" || $0[0] == "benchmark" || $0.contains("--diagnostics") }
    }
}
