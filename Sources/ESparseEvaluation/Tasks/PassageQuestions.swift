// BoolQ and RTE: a passage, and a question with two answers.

import ESparseFormats

extension ZeroShotTask {
    /// BoolQ (Clark et al. 2019), asked as SuperGLUE writes it: a title, where there is one of its own, goes before the
    /// passage.
    static let boolQ = ZeroShotTask(name: "boolq", metrics: [.accuracy], version: 2.0, otherNames: []) { record in
        let title = record.has("title") ? try record.text("title") + " -- " : ""
        let passage = try record.text("passage")
        return try TaskItem(
            record, context: "\(title)\(passage)\nQuestion: \(record.text("question"))?\nAnswer:",
            choices: ["no", "yes"],
            gold: record.answer(
                record.has("answer") ? "answer" : "label",
                among: [["false", "False", "0"], ["true", "True", "1"]]))
    }

    /// Recognising textual entailment, of GLUE (Wang et al. 2019).
    static let rte = entailment("rte")
    /// The same data as SuperGLUE writes it, which is another task of lm-eval's.
    static let superGLUERTE = entailment("sglue_rte")

    /// Both read the fields of either version.
    private static func entailment(_ name: String) -> ZeroShotTask {
        ZeroShotTask(name: name, metrics: [.accuracy], version: 0.0, otherNames: []) { record in
            let isSuperGLUE = record.has("premise")
            let premise = try record.text(isSuperGLUE ? "premise" : "sentence1")
            let hypothesis = try record.text(isSuperGLUE ? "hypothesis" : "sentence2")
            return try TaskItem(
                record, context: "\(premise)\nQuestion: \(hypothesis) True or False?\nAnswer:",
                choices: ["True", "False"],
                gold: record.answer("label", among: [["entailment", "0"], ["not_entailment", "1"]]))
        }
    }
}
