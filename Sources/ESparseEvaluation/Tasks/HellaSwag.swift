// HellaSwag: how a scene goes on, with WikiHow's markup removed.

import ESparseFormats

extension ZeroShotTask {
    /// HellaSwag (Zellers et al. 2019).
    static let hellaSwag = ZeroShotTask(
        name: "hellaswag", metrics: [.accuracy, .normalizedAccuracy], version: 1.0, otherNames: ["hellaswag_val"]
    ) { record in
        let scene = try record.text("ctx_a") + " " + record.text("ctx_b").capitalizedAsPython
        let endings = try record.choices("endings")
        return try TaskItem(
            record, context: plain(record.text("activity_label") + ": " + scene), choices: endings.map(plain),
            gold: record.answer("label", among: endings.indices.map { [String($0)] }))
    }

    /// Text without markup, removed in lm-eval's steps: `[title]` becomes the end of a sentence, other brackets go with their
    /// contents, and of two spaces that this leaves one stays.
    private static func plain(_ text: String) -> String {
        withoutBrackets(text.strippedAsPython.replacing(" [title]", with: ". ")).replacing("  ", with: " ")
    }

    /// Text without `[...]`; a bracket that is not closed on its line stays.
    private static func withoutBrackets(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let open = rest.firstIndex(of: "[") {
            result += rest[..<open]
            let inner = rest[rest.index(after: open)...]
            if let end = inner.firstIndex(where: { $0 == "]" || $0 == "\n" }), inner[end] == "]" {
                rest = inner[inner.index(after: end)...]
            } else {
                result.append("[")
                rest = inner
            }
        }
        return String(result + rest)
    }
}
