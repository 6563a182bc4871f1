// PIQA: which of two ways reaches a goal.

import ESparseFormats

extension ZeroShotTask {
    /// PIQA (Bisk et al. 2019); the right answers are in a labels file of their own.
    static let piqa = ZeroShotTask(
        name: "piqa", metrics: [.accuracy, .normalizedAccuracy], version: 1.0, otherNames: []
    ) { record in
        try TaskItem(
            record, context: "Question: \(record.text("goal"))\nAnswer:",
            choices: [record.choice("sol1"), record.choice("sol2")],
            gold: record.answer("label", among: [["0"], ["1"]]))
    }
}
