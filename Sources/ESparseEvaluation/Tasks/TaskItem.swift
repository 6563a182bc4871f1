// One item of a zero-shot task: requests to a model, one a choice, and which of them is right.

package import ESparseFormats

/// An item of a task, ready to be asked.
public struct TaskItem: Sendable {
    /// One request a choice; a cloze task has one request in all.
    public let requests: [LikelihoodRequest]
    /// The right choice, in `[0, requests.count)`.
    public let gold: Int
    /// Characters (Unicode scalars, as Python's `len` counts) of each choice, without the space before it: what `acc_norm`
    /// divides by.
    public let choiceLengths: [Int]
    /// The right answer as lm-eval's sample files write it.
    public let target: String
    /// Line of the file, counting from 1.
    public let line: Int
    /// The item as it stands in the file.
    package let record: JSONValue
}

extension TaskItem {
    /// An item whose choices continue one context, each after a space.
    init(_ record: TaskRecord, context: String, choices: [String], gold: Int) throws(FormatError) {
        try self.init(
            record, requests: choices.map { LikelihoodRequest(context: context, continuation: " " + $0) }, gold: gold,
            choiceLengths: choices.map(\.unicodeScalars.count), target: String(gold))
    }

    /// An item whose contexts are continued by one text.
    init(_ record: TaskRecord, contexts: [String], continuation: String, gold: Int) throws(FormatError) {
        try self.init(
            record, requests: contexts.map { LikelihoodRequest(context: $0, continuation: continuation) }, gold: gold,
            choiceLengths: contexts.map(\.unicodeScalars.count), target: continuation.strippedAsPython)
    }

    /// An item with everything given.
    ///
    /// - Throws: `FormatError` naming the line where there is no choice or `gold` is none of them.
    init(
        _ record: TaskRecord, requests: [LikelihoodRequest], gold: Int, choiceLengths: [Int], target: String
    ) throws(FormatError) {
        guard requests.indices.contains(gold) else {
            throw record.problem("the right answer is number \(gold), counting from 0, of \(requests.count) choices")
        }
        self.requests = requests
        self.gold = gold
        self.choiceLengths = choiceLengths
        self.target = target
        self.line = record.line
        self.record = record.value
    }
}
