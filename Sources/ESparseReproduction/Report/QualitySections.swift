// The sections on perplexity and zero-shot accuracy.

import ESparseReport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension MainRow {
    /// Own methods stand out.
    var tone: BarChart.Tone {
        guard let compared else { return .reference }
        return compared == .eSparse ? .accent : compared.isOwn ? .second : .plain
    }

    /// The title, with a word on weights that change.
    var label: String {
        guard let compared else { return "Dense" }
        return compared.updatesWeights ? title + " (changes weights)" : title
    }
}

extension ReproductionResults {
    private func ids(_ rows: [MainRow]) -> [String] {
        rows.map { row in row.compared.flatMap { method in row.pattern.map { method.id(pattern: $0) } } ?? "main-dense"
        }
    }

    /// One row a method, one column a pattern; `cell` writes a figure.
    private func byPattern(_ rows: [MainRow], cell: (MainRow) -> String) -> TextTable {
        var table = TextTable(header: ["method"] + ComparedMethod.patterns)
        if let dense = rows.first(where: { $0.compared == nil }) {
            table.append(["Dense"] + ComparedMethod.patterns.map { _ in cell(dense) })
        }
        for method in ComparedMethod.allCases where rows.contains(where: { $0.compared == method }) {
            table.append(
                [method.title]
                    + ComparedMethod.patterns.map { pattern in
                        rows.first { $0.compared == method && $0.pattern == pattern }.map(cell) ?? ""
                    })
        }
        return table
    }

    var perplexitySection: ReportSection? {
        let rows = main.filter { $0.evaluation.perplexity != nil }
        guard let first = rows.first?.evaluation else { return nil }
        let dense = denseRow?.evaluation.perplexity
        func rise(_ row: MainRow) -> Double { log(row.evaluation.perplexity ?? 1) - log(dense ?? 1) }
        let groups = ComparedMethod.patterns.map { pattern in
            BarChart.Group(
                pattern,
                bars: rows.filter { $0.pattern == pattern }.map { row in
                    BarChart.Bar(
                        row.label, length: rise(row), text: Written.perplexity(row.evaluation.perplexity ?? 0),
                        tone: row.tone)
                })
        }
        let settings = context.settings
        let denseWords = dense.map { ", which has \(Written.perplexity($0))" } ?? ""
        let caption = """
            Perplexity of \(context.textName) over \(first.windows ?? 0) windows of \(first.sequenceLength ?? 0) tokens. A bar is \
            as long as the loss rises above the dense model's\(denseWords); shorter is better. Calibrated on \
            \(context.calibrationPhrase(samples: settings.samples, length: settings.sequenceLength)).
            """
        return ReportSection(
            id: "perplexity", title: "1. Perplexity",
            blocks: [
                .figure(
                    ReportFigure(
                        id: "perplexity-bars", title: "Perplexity by method and pattern", caption: caption,
                        chart: .bars(BarChart(groups: groups)),
                        table: byPattern(rows) { Written.perplexity($0.evaluation.perplexity ?? 0) },
                        commands: commands(ids(rows), only: ["prune", "evaluate"])))
            ])
    }

    var zeroShotSection: ReportSection? {
        let rows = main.filter { !$0.evaluation.tasks.isEmpty }
        guard let first = rows.first?.evaluation else { return nil }
        let dense = denseRow?.evaluation.mean
        let groups = ComparedMethod.patterns.map { pattern in
            BarChart.Group(
                pattern,
                bars: rows.filter { $0.pattern == pattern }.map { row in
                    BarChart.Bar(
                        row.label, length: row.evaluation.mean ?? 0,
                        text: Written.accuracy(row.evaluation.mean ?? 0, row.evaluation.meanError), tone: row.tone)
                }, lines: dense.map { [$0] } ?? [])
        }
        var table = TextTable(header: ["method", "pattern"] + first.tasks.map(\.name) + ["mean"])
        for row in rows {
            table.append(
                [row.compared?.title ?? "Dense", row.pattern ?? ""]
                    + row.evaluation.tasks.map { Written.accuracy($0.accuracy, $0.standardError) }
                    + [row.evaluation.mean.map { Written.accuracy($0, row.evaluation.meanError) } ?? ""])
        }
        let items = first.tasks.map { "\($0.name) \($0.items)" }.joined(separator: ", ")
        return ReportSection(
            id: "zero-shot", title: "2. Zero-shot accuracy",
            blocks: [
                .figure(
                    ReportFigure(
                        id: "zero-shot-bars", title: "Mean accuracy by method and pattern, in per cent",
                        caption: """
                            Multiple choice by log-likelihood without examples (acc), with the standard error; longer is better. \
                            Items: \(items). Differences below two standard errors are noise.
                            """,
                        chart: .bars(
                            BarChart(
                                groups: groups,
                                legend: dense.map { "Dashed line: the dense model, \(Written.accuracy($0, nil))." }
                                    ?? "")),
                        table: table, commands: commands(ids(rows), only: ["evaluate"])))
            ])
    }
}
