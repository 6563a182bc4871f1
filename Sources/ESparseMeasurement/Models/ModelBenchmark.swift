// A whole model, dense against packed: both variants take turns, each run in a process of its own.

package import ESparseCore
import ESparseFormats
import ESparseModels

/// Runs both variants of a model again and again.
package struct ModelBenchmark {
    /// The two checkpoints that compute the same model, or one of which is the other pruned.
    package struct Variants: Sendable {
        /// Path of the dense checkpoint.
        package let dense: String
        /// Path of the packed checkpoint.
        package let packed: String

        /// Names the two.
        package init(dense: String, packed: String) {
            self.dense = dense
            self.packed = packed
        }
    }

    private let variants: Variants
    private let workloads: [ModelRun.Workload]
    private let rounds: Int
    private let threads: Int

    /// Plans `rounds` runs of each variant and workload.
    package init(variants: Variants, workloads: [ModelRun.Workload], rounds: Int, threads: Int) {
        self.variants = variants
        self.workloads = workloads
        self.rounds = rounds
        self.threads = threads
    }

    /// Runs everything; `run` makes one run of the checkpoint at a path, in another process.
    ///
    /// - Throws: what `run` throws; `InterruptedError`.
    package func run(
        progress: any ProgressReporter, _ run: (_ path: String, _ workload: ModelRun.Workload) throws -> ModelRun
    ) throws -> ModelReport {
        let named = [("dense", variants.dense), ("packed", variants.packed)]
        let total = rounds * workloads.count * named.count
        var done = 0
        var results: [ModelResult] = []
        for workload in workloads {
            var runs: [[ModelRun]] = [[], []]
            for round in 0..<rounds {
                // Every second round goes backwards, so that neither variant always follows the other.
                for index in round % 2 == 0 ? [0, 1] : [1, 0] {
                    try Interruption.check()
                    progress.report(stage: "Measuring", completed: done, total: total, unit: "runs")
                    runs[index].append(try run(named[index].1, workload))
                    done += 1
                }
            }
            for (index, variant) in named.enumerated() {
                results.append(
                    ModelResult(
                        variant: variant.0, workload: workload, threads: threads,
                        fileBytes: try Checkpoint.open(variant.1).fileBytes, runs: runs[index]))
            }
        }
        progress.report(stage: "Measuring", completed: total, total: total, unit: "runs")
        return ModelReport(results: results)
    }
}
