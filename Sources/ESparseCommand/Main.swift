// The command `esparse`: its subcommands, signals and exit codes.

import ArgumentParser
import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct Main: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esparse",
        abstract: "Make a large language model smaller and faster without retraining it.",
        discussion: """
            Prunes LLaMA- and OPT-family checkpoints to N:M sparsity by E-Sparse, and runs the result. A model is a Hugging \
            Face folder or a .gguf file. Results go to stdout, progress to stderr.
            """,
        version: toolVersion,
        subcommands: [
            PruneCommand.self, EvaluateCommand.self, GenerateCommand.self, InspectCommand.self, SynthesizeCommand.self,
        ])

    /// Exit code of a run that was interrupted, as shells count it: 128 + SIGINT.
    private static let interrupted = ExitCode(130)

    /// Runs a subcommand. Ctrl-C and SIGTERM stop it cleanly at its next step, a second one at once.
    static func main() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.request()
                signal(number, SIG_DFL)
            }
        }
        do {
            var command = try parseAsRoot()
            try command.run()
            // Results that were printed but could not be written, as on a full disk, are no success.
            guard fflush(nil) == 0 else { throw FileError(path: "the results", operation: "write", code: errno) }
        } catch is InterruptedError {
            exit(withError: interrupted)
        } catch {
            exit(withError: error)
        }
    }
}
