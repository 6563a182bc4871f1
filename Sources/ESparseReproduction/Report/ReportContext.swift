// What a report says about the model, the machine and the settings, and how it writes figures and commands.

import ESparseFormats
import ESparseReport

/// The model and the machine that figures belong to.
package struct ReportContext: Sendable {
    let modelName: String
    let modelType: String
    let parameterCount: Int
    let blockCount: Int
    let settings: ReproductionSettings
    let taskNames: [String]
    let processor: String
    let toolVersion: String

    /// "esparse ..." as one would type it into a shell.
    package static func commandLine(_ arguments: [String]) -> String {
        (["esparse"] + arguments.map(quoted)).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.unicodeScalars.allSatisfy { scalar in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "/", ":", "=", ",", "-", "+", "@", "%": true
                default: false
                }
            }
        return isPlain
            ? word
            : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }

    /// What was measured on what, a sentence each.
    var introduction: [String] {
        let millions = Quantity.fixed(Double(parameterCount) / 1e6, decimals: parameterCount < 10_000_000 ? 2 : 0)
        return [
            """
            \(modelName): \(modelType), \(millions) million parameters, \(blockCount) decoder blocks. Measured by esparse \
            \(toolVersion) with \(settings.threads) threads in \(settings.precision) on \(processor).
            """,
            """
            E-Sparse is arXiv 2310.15929, in this package's reconstruction. The paper's own figures are of other models and \
            of a GPU; what can be compared here are the rows of one table with each other.
            """,
        ]
    }

    /// "calibrated on 16 sequences of 2048 tokens of c4.jsonl".
    func calibrationPhrase(samples: Int, length: Int) -> String {
        let source =
            settings.calibration == "self"
            ? "that the model wrote itself" : "of \(FileSystem.name(of: settings.calibration))"
        return "\(samples) sequences of \(length) tokens \(source)"
    }

    /// The name of the text whose perplexity is measured.
    var textName: String { settings.text.map(FileSystem.name) ?? "no text" }
}

extension ReproductionResults {
    /// The commands of experiments, each named by its title.
    func commands(_ ids: [String], only words: Set<String> = ["prune", "evaluate", "inspect", "benchmark"])
        -> [ReportCommand]
    {
        ids.flatMap { id in
            records.filter { $0.id == id }.flatMap { record in
                record.steps.filter { words.contains($0.arguments.first ?? "") }.map {
                    ReportCommand(purpose: record.title, line: ReportContext.commandLine($0.arguments))
                }
            }
        }
    }
}

/// Figures as a report writes them.
enum Written {
    static func perplexity(_ value: Double) -> String { Quantity.fixed(value, decimals: value < 1000 ? 2 : 0) }
    static func ratio(_ value: Double) -> String { Quantity.fixed(value, decimals: 2) + "x" }
    static func percent(_ share: Double, decimals: Int = 1) -> String {
        Quantity.fixed(100 * share, decimals: decimals) + "%"
    }
    /// With its sign: "-31.7%".
    static func change(_ share: Double) -> String { (share > 0 ? "+" : "") + percent(share) }
    static func accuracy(_ value: Double, _ error: Double?) -> String {
        Quantity.fixed(100 * value, decimals: 1) + (error.map { " ± " + Quantity.fixed(100 * $0, decimals: 1) } ?? "")
    }
}
