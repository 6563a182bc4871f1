// WinoGrande: which of two words fills the gap in a sentence, scored by the text after the gap.

import ESparseFormats

extension ZeroShotTask {
    /// WinoGrande (Sakaguchi et al. 2019), by partial evaluation (Trinh and Le 2018): each option is put into the sentence up
    /// to the gap, and the likelihood of the rest is compared.
    static let winoGrande = ZeroShotTask(name: "winogrande", metrics: [.accuracy], version: 1.0, otherNames: []) {
        record in
        let sentence = try record.text("sentence")
        guard let gap = sentence.unicodeScalars.firstIndex(of: "_") else {
            throw record.problem("the field \"sentence\" has no gap, written \"_\"")
        }
        let rest = String(sentence[sentence.unicodeScalars.index(after: gap)...]).strippedAsPython
        guard !rest.isEmpty else { throw record.problem("the field \"sentence\" has no text after its gap") }
        return try TaskItem(
            record, contexts: ["option1", "option2"].map { try String(sentence[..<gap]) + record.choice($0) },
            continuation: " " + rest, gold: record.answer("answer", among: [["1"], ["2"]]))
    }
}
