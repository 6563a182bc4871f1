// The command `esparse`: its subcommands and exit codes.

import ArgumentParser
import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esparse",
        abstract: "Make a large language model smaller and faster without retraining it.",
        discussion: """
            Prunes models of the LLaMA, Qwen, Mistral, Gemma, Phi, OLMo 2 and OPT families to N:M sparsity by E-Sparse, and \
            runs the result. A model is a Hugging Face folder, a .gguf file, or org/name[@revision] on the Hugging Face hub, \
            which is fetched once. Results go to stdout, progress to stderr.
            """,
        version: toolVersion,
        subcommands: [
            PruneCommand.self, EvaluateCommand.self, GenerateCommand.self, InspectCommand.self, ExportCommand.self,
            SynthesizeCommand.self, BenchmarkCommand.self, TuneCommand.self, ReproduceCommand.self, DevicesCommand.self,
        ])

    /// Runs a subcommand. Ctrl-C and SIGTERM stop it cleanly at its next step (`Signals`).
    static func main() async {
        Signals.stopCleanly()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            // Printing to a full disk must not end in success.
            guard fflush(nil) == 0 else { throw FileError(path: "the results", operation: "write", code: errno) }
        } catch is InterruptedError {
            exit(withError: ExitCode(Signals.interruptedExitCode))
        } catch {
            exit(withError: error)
        }
    }
}
