// The errors of evaluations, besides those of reading files.

/// A model cannot be evaluated as asked.
public enum EvaluationError: Error, Equatable, CustomStringConvertible {
    /// The text is shorter than one window.
    case tooLittleText(tokens: Int, sequenceLength: Int)
    /// The model gave a loss that is not a number.
    case notFinite(window: Int)
    /// The model gave a choice a log-likelihood that is not a number; lines count from 1.
    case itemNotFinite(path: String, line: Int)
    /// A choice cannot be scored.
    case unscorable(path: String, line: Int, reason: String)
    /// A file was given without a task, and it is not called like one.
    case unknownTask(path: String)
    /// A folder has no file that is called like a task.
    case noTasks(folder: String)
    /// A task's name cannot be part of a file's name.
    case invalidTaskName(String)
    /// Two inputs would have the same name in the results.
    case repeatedName(String)
    /// A labels file does not have a line for each item.
    case labelCount(path: String, labels: Int, items: Int)
    /// A run of the same result was stopped, and this one would throw its work away.
    case unfinished(journal: String)
    /// A journal holds what no run writes; the line counts from 1.
    case damagedJournal(String, line: Int?)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .tooLittleText(let tokens, let length):
            """
            the text holds \(tokens) tokens, fewer than one window of \(length); give a longer text or lower \
            --sequence-length
            """
        case .notFinite(let window):
            "the model's loss in window \(window) is not finite; the checkpoint may be damaged, or try --precision f32"
        case .itemNotFinite(let path, let line):
            """
            the model's log-likelihoods for \(path), line \(line), are not finite; the checkpoint may be damaged, or try \
            --precision f32
            """
        case .unscorable(let path, let line, let reason):
            "\(path), line \(line): \(reason)"
        case .unknownTask(let path):
            "\(path) is neither a folder nor called like a task; say which it is as NAME=FILE, NAME being one of \(Self.taskNames)"
        case .noTasks(let folder):
            "\(folder) has no file called like a task, such as arc_easy.jsonl; the tasks are \(Self.taskNames)"
        case .invalidTaskName(let name):
            "\"\(name)\" cannot be a task's name; use letters, digits, \"-\", \"_\" and \".\""
        case .repeatedName(let name):
            "two inputs are called \"\(name)\", which the results could not tell apart; give one of them another name"
        case .labelCount(let path, let labels, let items):
            "\(path) has \(labels) labels for \(items) items; the two files must belong together"
        case .unfinished(let journal):
            "\(journal) holds an unfinished run; continue it with --resume or remove that file"
        case .damagedJournal(let path, let line):
            "\(path)\(line.map { ", line \($0)," } ?? "") does not hold what an evaluation writes; remove it and start again"
        }
    }

    private static var taskNames: String { ZeroShotTask.known.map(\.name).joined(separator: ", ") }
}
