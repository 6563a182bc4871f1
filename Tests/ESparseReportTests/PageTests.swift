// Pages and Markdown files: well-formed, complete, and harmless whatever the text in them says.

import ESparseReport
import Testing

/// Text that tries to leave every place it could stand in.
private let hostile =
    "</title><script>alert(1)</script>\"' onload=x & <img src=http://evil.example/x> | `*_[a](b) \u{202E}\u{0}"

private func document(_ text: String) -> ReportDocument {
    var table = TextTable(header: [text, "figure"])
    table.append([text, "1.0"])
    let range = 0.0...2.0
    let charts: [ReportChart?] = [
        nil,
        .bars(
            BarChart(
                groups: [
                    .init(
                        text,
                        bars: [
                            .init(text, length: 2, text: text, tone: .accent),
                            .init("negative", length: -1, text: "-1", tone: .plain),
                            .init("no number", length: .nan, text: "nan", tone: .plain),
                        ], lines: [1])
                ], legend: text)),
        .heatMap(
            HeatMap(corner: text, columns: [text], rows: [text], values: [[0.5]], text: { _ in text })),
        .distributions([
            DistributionChart(
                title: text, axis: text, range: range,
                series: [.init(text, values: [0.5, 1, 9, .nan], range: range, bins: 4, isAccent: true)])
        ]),
    ]
    let figures = charts.enumerated().map { index, chart in
        ReportBlock.figure(
            ReportFigure(
                id: "figure-\(index)", title: "\(index) \(text)", caption: text, chart: chart, table: table,
                commands: [ReportCommand(purpose: text, line: "esparse \(text)\n# second line")]))
    }
    return ReportDocument(
        title: text, introduction: [text], headlines: [Headline("-1%", text, .better), Headline("+1%", text, .worse)],
        sections: [ReportSection(id: "first", title: text, blocks: [.paragraph(text)] + figures)], closing: text)
}

/// Names of elements that are open at some point but not closed in order; empty for a well-formed page.
private func unbalanced(_ page: String) -> [String] {
    var open: [String] = []
    var rest = page[...]
    while let start = rest.firstIndex(of: "<") {
        guard let end = rest[start...].firstIndex(of: ">") else { return ["<"] }
        let tag = rest[rest.index(after: start)..<end]
        rest = rest[rest.index(after: end)...]
        guard !tag.hasPrefix("!"), !tag.hasSuffix("/") else { continue }
        if tag.hasPrefix("/") {
            guard open.popLast() == String(tag.dropFirst()) else { return open + [String(tag)] }
        } else {
            open.append(String(tag.prefix { $0 != " " && $0 != "\n" }))
        }
    }
    return open
}

@Suite struct PageTests {
    @Test func pagesAreWellFormedAndNeedNothingFromOutside() {
        for text in ["plain", hostile] {
            let page = document(text).html
            #expect(unbalanced(page) == [])
            for forbidden in ["<script", "<img", "http:", "https:", "src=", "@import", "url(", "<link", "<iframe"] {
                // The hostile text itself may be there, but only as text.
                let markup = page.split(separator: HTMLText.escaped(hostile)).joined()
                #expect(!markup.contains(forbidden), "\(forbidden)")
            }
            #expect(page.contains("default-src 'none'"))
        }
    }

    @Test func hostileTextStaysText() {
        let page = document(hostile).html
        #expect(!page.contains("<script") && !page.contains("onload=x>") && !page.contains("\u{202E}"))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39; onload=x &amp; &lt;img"))
    }

    @Test func everyFigureIsThereWithItsTableAndItsCommands() {
        let page = document("plain").html
        for index in 0..<4 {
            #expect(
                page.contains(
                    "<figure id=\"figure-\(index)\" tabindex=\"0\" aria-labelledby=\"figure-\(index)-title\">"))
        }
        // Three pictures have a table behind them or are one; the first figure is its table.
        #expect(page.components("<table") == 4)
        #expect(page.components("The command behind it") == 4)
        #expect(page.components("class=\"skip\"") == 1)
        #expect(page.contains("<a href=\"#first\">plain</a>") && page.contains("<h2 id=\"first\">"))
        #expect(page.contains("<em>better</em>") && page.contains("<em>worse</em>"))
    }

    @Test func markdownHasEveryFigureAndNoMarkupFromOutside() {
        let text = document(hostile).markdown
        // In code it may stand as it is.
        let markup = text.split(separator: "\n").filter { !$0.hasPrefix("      ") }.joined()
        #expect(!markup.contains("<script") && !markup.contains("<img"))
        #expect(text.contains("### 0 ") && text.contains("### 3 "))
        for line in text.split(separator: "\n") where line.hasPrefix("|") {
            // Two cells a row: three bars that are not escaped.
            let bars = zip(line, " " + line).count { $0.0 == "|" && $0.1 != "\\" }
            #expect(bars == 3, "\(line)")
        }
        #expect(text.contains("      # second line"))
    }

    @Test(arguments: [
        (0.5, "50.00%"), (0.0, "0.00%"), (1.0, "100.00%"), (-3.0, "0.00%"), (7.0, "100.00%"), (Double.nan, "0.00%"),
    ])
    func percentages(share: Double, text: String) { #expect(HTMLText.percentage(share) == text) }
}

@Suite struct ChartTests {
    @Test func barsAreAsLongAsTheirFigures() {
        let chart = BarChart(groups: [
            .init("a", bars: [.init("x", length: 1, text: "1", tone: .plain)], lines: [4]),
            .init("b", bars: [.init("y", length: 2, text: "2", tone: .plain)]), .init("empty", bars: []),
        ])
        // The last line is the farthest: one is a quarter of it, but for the room at the edge.
        #expect(chart.extent == 4 * 1.02)
        #expect(chart.html.contains("width:24.51%") && chart.html.contains("width:49.02%"))
        #expect(chart.html.contains("left:98.04%") && !chart.html.contains("empty"))
    }

    @Test func shadesGoFromTheLeastToTheGreatest() {
        let map = HeatMap(
            corner: "block", columns: ["q", "k"], rows: ["0", "1"], values: [[0.5, 0.7], [nil, 0.9]],
            text: { Quantity.fixed(100 * $0, decimals: 0) })
        #expect(map.shade(0.5) == 0 && map.shade(0.9) == 1 && abs(map.shade(0.7) - 0.5) < 1e-12)
        #expect(map.table.rows == [["0", "50", "70"], ["1", "", "90"]])
        #expect(map.html.contains("--shade:50.00%"))
    }

    @Test func histogramsCountEveryFiniteValueOnce() {
        let series = DistributionChart.Series(
            "x", values: [-1, 0, 0.4, 1.5, 2, 9, .infinity, .nan], range: 0...2, bins: 4, isAccent: false)
        #expect(series.shares == [0.5, 0, 0, 0.5])
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(_ part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
