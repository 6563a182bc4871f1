// The command `esparse`: its subcommands and nothing else.

import ArgumentParser

@main
struct ESparse: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esparse",
        abstract: "Make a large language model smaller and faster without retraining it.")
}
