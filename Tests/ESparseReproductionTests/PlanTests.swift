// The plan: every experiment once, with command lines that say what they should; and how long it will take.

import ESparseCore
import ESparseModels
import ESparseReproduction
import Testing

/// Small settings on the tiny checkpoint of the command's tests.
func settings(
    output: String = "results", text: String? = "text.txt", calibration: String = "text.txt", tasks: [String] = [],
    limit: Int? = nil, groups: Set<ExperimentGroup> = Set(ExperimentGroup.allCases)
) -> ReproductionSettings {
    ReproductionSettings(
        model: tinyModel, output: output, calibration: calibration, text: text, tasks: tasks, limit: limit, samples: 16,
        sequenceLength: 64, windows: 2, ablationSamples: 8, ablationSequenceLength: 32, ablationWindows: 3,
        shapes: "llama-7b", tokens: [1, 512], seconds: 0.3, promptTokens: 8, generateTokens: 4, batch: [1, 2],
        rounds: 1,
        precision: "f32", threads: 2, groups: groups)
}

@Suite struct PlanTests {
    @Test func experimentsAreUniqueAndNoOptionComesTwice() {
        let plan = ReproductionPlan(settings(tasks: ["a=b"], limit: 5), taskCount: 1)
        #expect(plan.experiments.count == 1 + 2 * 9 + 20 + 16 + 3)
        #expect(Set(plan.experiments.map(\.id)).count == plan.experiments.count)
        for experiment in plan.experiments {
            for step in experiment.steps {
                let options = step.arguments.filter { $0.hasPrefix("--") }
                #expect(Set(options).count == options.count, "\(step.arguments)")
                #expect(!step.arguments.contains("--json") && !step.arguments.contains(""))
            }
            #expect(experiment.work.tokens > 0 || experiment.work.seconds > 0)
        }
    }

    @Test func mainTableComparesEveryMethodOnTheSameText() throws {
        let plan = ReproductionPlan(settings(groups: [.main]), taskCount: 0)
        let wanda = try #require(plan.experiments.first { $0.id == "main-wanda-4of8" })
        #expect(
            wanda.steps.map(\.arguments) == [
                [
                    "prune", tinyModel, "--output", "results/work/main-wanda-4of8/model", "--pattern", "4:8",
                    "--method",
                    "wanda", "--shuffle", "none", "--calibration", "text.txt", "--samples", "16", "--sequence-length",
                    "64", "--device", "cpu", "--precision", "f32", "--threads", "2",
                ],
                [
                    "evaluate", "results/work/main-wanda-4of8/model", "--text", "text.txt", "--sequence-length", "64",
                    "--windows", "2", "--device", "cpu", "--precision", "f32", "--threads", "2",
                ],
            ])
        // Magnitude has nothing to calibrate; the default has nothing but its pattern.
        for experiment in plan.experiments where experiment.id.contains("magnitude") {
            #expect(!experiment.steps[0].arguments.contains("--calibration"))
        }
        // Tasks take longest: what was published and the default answer them.
        let answering = ReproductionPlan(settings(tasks: ["a=b"], groups: [.main]), taskCount: 1).experiments
            .filter { $0.steps.contains { $0.arguments.contains("--tasks") } }.map(\.title)
        #expect(
            answering == ["dense"]
                + ["2:4", "4:8"].flatMap { pattern in
                    ["Magnitude", "Wanda", "RIA with its permutation", "SparseGPT", "E-Sparse"].map {
                        "\($0), \(pattern)"
                    }
                })
        let own = try #require(plan.experiments.first { $0.id == "main-e-sparse-2of4" })
        #expect(
            !own.steps[0].arguments.contains("--method")
                && own.steps.map(\.arguments[0]) == ["prune", "evaluate", "inspect"])
    }

    @Test func sensitivityBringsItsReferenceAndOverridesTheGeneralOption() throws {
        let plan = ReproductionPlan(settings(groups: [.sensitivity]), taskCount: 0)
        #expect(plan.experiments.contains { $0.id == Variation.reference })
        let more = try #require(plan.experiments.first { $0.id == "sensitivity-samples-more" })
        let arguments = more.steps[0].arguments
        #expect(arguments.firstIndex(of: "--samples").map { arguments[$0 + 1] } == "16")
        #expect(more.steps[1].arguments.contains("64"))
        // Where the model writes its own text already, that is no variation.
        let own = ReproductionPlan(settings(calibration: "self", groups: [.sensitivity]), taskCount: 0)
        #expect(own.experiments.count == plan.experiments.count - 1)
    }

    @Test func commandLinesCanBeTyped() {
        #expect(
            ReportContext.commandLine(["prune", "a b", "--tasks", "x=it's", ""])
                == #"esparse prune 'a b' --tasks 'x=it'\''s' ''"#)
    }

    @Test func estimatesLearnTheMachinesSpeed() {
        var estimate = TimeEstimate()
        #expect(estimate.phrase(for: [ExperimentWork(tokens: 100)]) == "")
        #expect(estimate.phrase(for: [ExperimentWork(seconds: 30)]) == ", about 30 s left")
        estimate.learn(ExperimentWork(tokens: 1000, seconds: 5), elapsed: 25)
        #expect(estimate.seconds(for: [ExperimentWork(tokens: 500), ExperimentWork(seconds: 7)]) == 17)
        #expect(estimate.phrase(for: [ExperimentWork(tokens: 15_000)]) == ", about 5 min left")
    }
}

@Suite struct MemoryEstimateTests {
    /// 1 - (9 / 16 of the blocks' linears + the rest) / all, computed by hand from the published shapes.
    @Test(arguments: [
        ("llama-7b", 42.05), ("llama-13b", 42.65), ("llama-30b", 43.18), ("llama-65b", 43.40), ("opt-6.7b", 42.33),
        ("opt-13b", 42.83), ("opt-30b", 43.20),
    ])
    func savesWhatTheShapesSay(model: String, percent: Double) throws {
        let row = try #require(try MemoryEstimate.paperTable().first { $0.model == model })
        #expect(abs(100 * row.saved - percent) < 0.005)
    }

    @Test func llama7BExactly() throws {
        let architecture = try ModelArchitecture(configuration: KnownModel.llama7B.configuration())
        let linears = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
        for pattern in ["2:4", "4:8"] {
            let row = try MemoryEstimate(
                model: "llama-7b", architecture: architecture, pattern: #require(.init(pattern)))
            #expect(row.denseBytes == 2 * 6_738_415_616)
            #expect(row.denseBytes - row.packedBytes == linears * 7 / 8)
            // Inputs of attention, attention output and feed-forward; the last one's order is in the producers' rows.
            #expect(row.orderBytes == 32 * 3 * 4096 * 4)
        }
    }
}
