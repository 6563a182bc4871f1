// A task's items as tokens, so that every mistake in them is found before a model is loaded.

import ESparseCore
public import ESparseModels
public import ESparseTokenizers

/// A task that is ready to be asked.
public struct EncodedTask: Sendable {
    /// What is asked.
    public let source: TaskSource
    /// The items that are asked.
    public let items: [TaskItem]
    /// Items of the whole file.
    public let fileItemCount: Int
    /// Each item's requests as tokens.
    public let requests: [[EncodedRequest]]
    /// Items of which a request was too long, so that its beginning was cut off.
    public let cutItemCount: Int

    /// The most inputs of a request, whatever the model says: the KV cache of one item grows with it.
    public static var longestContext: Int { 8192 }

    /// The most inputs of a request to a model: its context, at most `longestContext`.
    public static func contextLength(of architecture: ModelArchitecture) -> Int {
        min(architecture.contextLength, longestContext)
    }

    /// Cuts the first `limit` items of a task, or all, into tokens for a model; `items` are all of the task's file
    /// (`ZeroShotTask.items(_:)`).
    ///
    /// - Throws: `EvaluationError.unscorable` naming file and line; `InterruptedError`.
    public init(
        _ source: TaskSource, items: [TaskItem], limit: Int? = nil, tokenizer: Tokenizer,
        architecture: ModelArchitecture
    ) throws {
        let length = Self.contextLength(of: architecture)
        self.source = source
        self.items = Array(items.prefix(limit ?? .max))
        fileItemCount = items.count
        requests = try self.items.map { item in
            try Interruption.check()
            do {
                return try item.requests.map { try tokenizer.encode($0, contextLength: length) }
            } catch let problem as RequestProblem {
                throw EvaluationError.unscorable(path: source.path, line: item.line, reason: "\(problem)")
            }
        }
        cutItemCount = requests.count { $0.contains(where: \.isCut) }
    }

    /// A sentence for the person at the terminal where items were cut.
    public var cutSentence: String? {
        guard cutItemCount > 0 else { return nil }
        let items = cutItemCount == 1 ? "1 item is" : "\(cutItemCount) items are"
        return "\(source.task.name): \(items) longer than the context; the beginning was cut off"
    }
}
