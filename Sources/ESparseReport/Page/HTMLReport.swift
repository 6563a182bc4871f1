// Writes a report as one HTML page without scripts; style and drawings are part of it, so it needs no network.

extension ReportDocument {
    /// The whole page. All but its first line is also well-formed XML.
    package var html: String {
        let links = sections.map { "<li><a href=\"#\($0.id)\">\(HTMLText.escaped($0.title))</a></li>\n" }.joined()
        let cards = headlines.map { headline in
            """
            <li class="\(headline.verdict.rawValue)"><strong>\(HTMLText.escaped(headline.figure))\(headline.verdict.tag)</strong>\
            <span>\(HTMLText.escaped(headline.sentence))</span></li>

            """
        }.joined()
        let overview =
            headlines.isEmpty
            ? ""
            : """
            <section aria-labelledby="overview"><h2 id="overview">Overview</h2>
            <ul class="cards">
            \(cards)</ul></section>

            """
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
            <title>\(HTMLText.escaped(title))</title>
            <style>
            \(PageStyle.css)</style>
            </head>
            <body>
            <a class="skip" href="#content">Skip to the results</a>
            <header>
            <h1>\(HTMLText.escaped(title))</h1>
            \(introduction.map { "<p>\(HTMLText.escaped($0))</p>\n" }.joined())</header>
            <nav aria-label="Sections"><ul>
            \(links)</ul></nav>
            <main id="content" tabindex="-1">
            \(overview)\(sections.map(\.html).joined())</main>
            <footer><p>\(HTMLText.escaped(closing))</p></footer>
            </body>
            </html>

            """
    }
}

extension Headline.Verdict {
    /// The verdict as a word, for readers who do not see its colour.
    fileprivate var tag: String { self == .neutral ? "" : "<em>\(rawValue)</em>" }
}

extension ReportSection {
    fileprivate var html: String {
        let blocks = blocks.map { block in
            switch block {
            case .paragraph(let text): "<p>\(HTMLText.escaped(text))</p>\n"
            case .figure(let figure): figure.html
            }
        }.joined()
        return
            "<section aria-labelledby=\"\(id)\"><h2 id=\"\(id)\">\(HTMLText.escaped(title))</h2>\n\(blocks)</section>\n"
    }
}

extension ReportFigure {
    fileprivate var html: String {
        let picture: String
        switch chart {
        case .none: picture = table.html
        case .bars(let chart): picture = chart.html
        case .heatMap(let map): picture = map.html
        case .distributions(let charts):
            picture = "<div class=\"side-by-side\">\n" + charts.map(\.html).joined() + "</div>\n"
        }
        // A heat map is a table already.
        let isTable = if case .heatMap = chart { true } else { chart == nil }
        let figures = isTable ? "" : "<details><summary>The figures as a table</summary>\n\(table.html)</details>\n"
        let lines = commands.map { command in
            "<dt>\(HTMLText.escaped(command.purpose))</dt><dd><code>\(HTMLText.escaped(command.line))</code></dd>\n"
        }.joined()
        let count = commands.count == 1 ? "The command" : "The \(commands.count) commands"
        let source =
            commands.isEmpty
            ? "" : "<details><summary>\(count) behind it</summary>\n<dl class=\"commands\">\n\(lines)</dl></details>\n"
        return """
            <figure id="\(id)" tabindex="0" aria-labelledby="\(id)-title">
            <figcaption><h3 id="\(id)-title">\(HTMLText.escaped(title))</h3>
            <p>\(HTMLText.escaped(caption))</p></figcaption>
            \(picture)\(figures)\(source)</figure>

            """
    }
}
