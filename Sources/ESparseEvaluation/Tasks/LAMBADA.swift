// LAMBADA: the last word of a passage, which must come out greedily.

import ESparseFormats

extension ZeroShotTask {
    /// LAMBADA as OpenAI prepared it: the text as it was printed.
    static let lambadaOpenAI = lambada(
        "lambada_openai", otherNames: ["lambada", "lambada_test", "lambada_test_en"])
    /// LAMBADA as it was published (Paperno et al. 2016): lower case, with spaces around punctuation.
    static let lambadaStandard = lambada("lambada_standard", otherNames: ["lambada_test_plain_text"])

    private static func lambada(_ name: String, otherNames: [String]) -> ZeroShotTask {
        ZeroShotTask(name: name, metrics: [.perplexity, .accuracy], version: 1.0, otherNames: otherNames) { record in
            let text = try record.text("text")
            let scalars = text.unicodeScalars
            let gap = scalars.lastIndex(of: " ")
            let context = gap.map { String(scalars[..<$0]) } ?? ""
            let word = gap.map { String(scalars[scalars.index(after: $0)...]) } ?? text
            guard !word.isEmpty else { throw record.problem("the text ends in a space, so its last word is empty") }
            return try TaskItem(
                record, requests: [LikelihoodRequest(context: context, continuation: " " + word)], gold: 0,
                choiceLengths: [word.unicodeScalars.count], target: " " + word)
        }
    }
}
