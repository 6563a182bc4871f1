// The two checkpoints that `benchmark model` compares, of which one is made where it is missing.

package import ESparseCore
package import ESparseFormats
import ESparseModels
import FoundationEssentials

extension ModelBenchmark.Variants {
    /// Finds or makes the dense and the packed side of a checkpoint.
    ///
    /// The dense side of a packed checkpoint is the same model with its zeros written out; the packed side of a dense one is made by
    /// magnitude pruning, for its speed is that of any mask.
    /// - Parameters:
    ///   - checkpoint: one of the two.
    ///   - dense: path of the dense side of a packed checkpoint; nil makes it.
    ///   - pattern: the pattern of a packed side that is made.
    ///   - folder: where the missing side is made.
    ///   - arguments: arithmetic and threads, as a child process is given them.
    ///   - progress: is told how far it is, and that weights are expanded.
    /// - Throws: the format's error; `ChildError`; `FileError`; `InterruptedError`.
    package static func made(
        of checkpoint: Checkpoint, dense: String?, pattern: SparsityPattern, in folder: String, arguments: [String],
        progress: any ProgressReporter
    ) throws -> ModelBenchmark.Variants {
        if let dense { return ModelBenchmark.Variants(dense: dense, packed: checkpoint.path) }
        if checkpoint.manifest != nil {
            try DenseFolder.write(
                checkpoint, ModelArchitecture(checkpoint), to: folder + "/dense", progress: progress)
            return ModelBenchmark.Variants(dense: folder + "/dense", packed: checkpoint.path)
        }
        if checkpoint.isQuantised {
            progress.note(
                "Note: \(checkpoint.path) is quantised; both sides hold its weights expanded, in memory and in the figures"
            )
        }
        _ = try ChildProcess.run(
            ["prune", checkpoint.path, "--output", folder + "/packed", "--method", "magnitude", "--shuffle", "none"]
                + ["--pattern", "\(pattern)", "--device", "cpu"] + arguments)
        return ModelBenchmark.Variants(dense: checkpoint.path, packed: folder + "/packed")
    }
}

extension ModelRun {
    /// One run in a process of its own, `esparse benchmark model-run`.
    ///
    /// - Parameters:
    ///   - path: the checkpoint.
    ///   - workload: the work.
    ///   - arguments: arithmetic, threads, device and kernel profile, as the command takes them.
    /// - Throws: `ChildError`; `InterruptedError`.
    package static func inChild(_ path: String, _ workload: Workload, arguments: [String]) throws -> ModelRun {
        let output = try ChildProcess.run(
            ["benchmark", "model-run", path] + arguments + [
                "--prompt-tokens", "\(workload.promptTokens)", "--generate-tokens", "\(workload.generatedTokens)",
                "--batch", "\(workload.batch)",
            ])
        return try JSONDecoder().decode(ModelRun.self, from: Data(output))
    }
}
