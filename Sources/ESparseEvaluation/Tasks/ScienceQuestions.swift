// ARC and OpenBookQA: a question, and choices with labels.

import ESparseFormats

extension ZeroShotTask {
    /// ARC, the easy questions (Clark et al. 2018).
    static let arcEasy = arc("arc_easy", distributedAs: "ARC-Easy-Test")
    /// ARC, the questions that retrieval and word statistics get wrong.
    static let arcChallenge = arc("arc_challenge", distributedAs: "ARC-Challenge-Test")

    private static func arc(_ name: String, distributedAs file: String) -> ZeroShotTask {
        ZeroShotTask(
            name: name, metrics: [.accuracy, .normalizedAccuracy], version: 1.0, otherNames: [file]
        ) { record in
            let question = try LabelledQuestion(record, stem: "question")
            return try TaskItem(
                record, context: "Question: \(question.stem)\nAnswer:", choices: question.choices, gold: question.gold)
        }
    }

    /// OpenBookQA (Mihaylov et al. 2018): the stem is the whole prompt.
    static let openBookQA = ZeroShotTask(
        name: "openbookqa", metrics: [.accuracy, .normalizedAccuracy], version: 1.0, otherNames: []
    ) { record in
        let question = try LabelledQuestion(record, stem: "question_stem")
        return try TaskItem(record, context: question.stem, choices: question.choices, gold: question.gold)
    }
}

/// A question as the Allen Institute distributes it, `question: {stem, choices: [{text, label}]}`, or as its copy on Hugging
/// Face has it, the stem on its own and `choices: {text: [...], label: [...]}`; `answerKey` is one of the labels.
private struct LabelledQuestion {
    let stem: String
    let choices: [String]
    let gold: Int

    init(_ record: TaskRecord, stem key: String) throws(FormatError) {
        let texts: [JSONValue]
        let labels: [JSONValue]
        if let question = record.value["question"], question.members != nil {
            guard let text = question["stem"]?.text else {
                throw record.problem("the field \"question.stem\" is missing or no string")
            }
            guard let choices = question["choices"]?.array else {
                throw record.problem("the field \"question.choices\" is missing or no list")
            }
            stem = text
            texts = choices.map { $0["text"] ?? .null }
            labels = choices.map { $0["label"] ?? .null }
        } else {
            stem = try record.text(key)
            let choices = try record.field("choices")
            texts = choices["text"]?.array ?? []
            labels = choices["label"]?.array ?? []
        }
        choices = try record.choices(.array(texts), called: "choices.text")
        let names = labels.compactMap(\.text)
        guard names.count == choices.count, Set(names).count == names.count else {
            throw record.problem("every choice needs a label of its own (\"choices.label\")")
        }
        gold = try record.answer("answerKey", among: names.map { [$0] })
    }
}
