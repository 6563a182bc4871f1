// An evaluation's figures for people: a sentence for each text, a table of tasks.

public import ESparseEvaluation

extension TextResult {
    /// "perplexity 28.1297 (sequence length 2048, 2 windows, 5766 tokens, bf16); 1.1073 bits per byte, word perplexity 50.27".
    public func sentence(precision: String) -> String {
        """
        perplexity \(Quantity.fixed(perplexity.perplexity, decimals: 4)) (sequence length \(perplexity.sequenceLength), \
        \(perplexity.windowCount) windows, \(perplexity.tokenCount) tokens, \(precision)); \
        \(Quantity.fixed(bitsPerByte, decimals: 4)) bits per byte, word perplexity \
        \(Quantity.fixed(wordPerplexity, decimals: 2))
        """
    }
}

extension EvaluationReport {
    /// A row for each task, and one for the mean of two tasks or more.
    ///
    /// Accuracies are in per cent with their standard errors. The mean counts every task the same, and is over those that have
    /// the column's figure.
    public var taskTable: TextTable {
        let metrics = [TaskMetric.accuracy, .normalizedAccuracy, .perplexity].filter { metric in
            tasks.contains { $0.score(metric) != nil }
        }
        var table = TextTable(header: ["task", "items"] + metrics.flatMap { [$0.rawValue, "+-"] })
        for task in tasks {
            table.append([task.name, String(task.itemCount)] + metrics.flatMap { Self.cells(task.score($0)) })
        }
        let means = metrics.map { Self.cells(mean($0)) }
        if means.contains(where: { $0[0] != "" }) { table.append(["mean", ""] + means.flatMap(\.self)) }
        return table
    }

    /// How many of the tokens had to be run, where tasks were.
    public var sharingSentence: String {
        let computed = tasks.reduce(0) { $0 + $1.tokens.computed }
        let separately = tasks.reduce(0) { $0 + $1.tokens.separately }
        let seconds = tasks.reduce(0) { $0 + $1.seconds }
        let share = separately > 0 ? 100 * Double(computed) / Double(separately) : 100
        return """
            \(computed) tokens run of \(separately) in all requests (\(Quantity.fixed(share, decimals: 1))%, prompts shared), \
            took \(Quantity.duration(seconds: seconds))
            """
    }

    private static func cells(_ score: TaskScore?) -> [String] {
        guard let score else { return ["", ""] }
        let scale: Double = score.metric == .perplexity ? 1 : 100
        return [
            Quantity.fixed(score.value * scale, decimals: 2),
            score.standardError.map { Quantity.fixed($0 * scale, decimals: 2) } ?? "",
        ]
    }
}
