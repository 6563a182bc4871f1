// Items with finished prompts: `ctx`, `choices`, `gold`; or `contexts`, `continuation`, `gold`.

import ESparseFormats

/// The simple format that every task accepts, and that a user's own tasks come in.
enum PreparedItem {
    /// Whether a record is of this format; HellaSwag's own records have a `ctx` too.
    static func matches(_ record: TaskRecord) -> Bool {
        record.has("contexts") || record.has("ctx") && record.has("choices")
    }

    /// Texts are taken as they are. A choice includes the space before it, which does not count as one of its characters.
    ///
    /// - Parameter isCloze: whether the task asks for the likelihood of the right choice alone; the others are then dropped.
    static func item(_ record: TaskRecord, isCloze: Bool) throws(FormatError) -> TaskItem {
        guard let gold = try record.field("gold").integer else {
            throw record.problem("the field \"gold\" must be a choice's number, counting from 0")
        }
        let item = try item(record, gold: gold)
        guard isCloze else { return item }
        let request = item.requests[gold]
        return try TaskItem(
            record, requests: [request], gold: 0, choiceLengths: [item.choiceLengths[gold]],
            target: request.continuation)
    }

    private static func item(_ record: TaskRecord, gold: Int) throws(FormatError) -> TaskItem {
        if record.has("contexts") {
            return try TaskItem(
                record, contexts: record.choices("contexts"), continuation: record.choice("continuation"), gold: gold)
        }
        let context = try record.text("ctx")
        let choices = try record.choices("choices")
        return try TaskItem(
            record, requests: choices.map { LikelihoodRequest(context: context, continuation: $0) }, gold: gold,
            choiceLengths: choices.map { $0.unicodeScalars.count - ($0.hasPrefix(" ") ? 1 : 0) }, target: String(gold))
    }
}
