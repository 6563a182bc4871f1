// A report as GitHub-flavoured Markdown: every figure as a table, commands as code.

extension ReportDocument {
    /// The report as Markdown. Text from outside cannot start markup of its own.
    package var markdown: String {
        var lines = ["# " + Self.escaped(title), ""]
        for sentence in introduction { lines += [Self.escaped(sentence), ""] }
        if !headlines.isEmpty {
            lines += headlines.map { "- **\(Self.escaped($0.figure))** \(Self.escaped($0.sentence))" } + [""]
        }
        for section in sections {
            lines += ["## " + Self.escaped(section.title), ""]
            for block in section.blocks {
                switch block {
                case .paragraph(let text): lines += [Self.escaped(text), ""]
                case .figure(let figure): lines += Self.lines(of: figure)
                }
            }
        }
        return (lines + [Self.escaped(closing), ""]).joined(separator: "\n")
    }

    private static func lines(of figure: ReportFigure) -> [String] {
        var table = TextTable(header: figure.table.header.map(cell))
        for row in figure.table.rows { table.append(row.map(cell)) }
        var lines = ["### " + escaped(figure.title), "", table.markdown, escaped(figure.caption), ""]
        guard !figure.commands.isEmpty else { return lines }
        lines += ["Measured with:", ""]
        for command in figure.commands {
            // Nothing inside an indented block can end it.
            let code = command.line.split(separator: "\n", omittingEmptySubsequences: false).map { "      " + $0 }
            lines += ["- " + escaped(command.purpose), ""] + code + [""]
        }
        return lines
    }

    private static func cell(_ text: String) -> String { escaped(text) }

    /// The text on one line, with all characters of Markdown or HTML escaped.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in HTMLText.readable(text).unicodeScalars {
            switch scalar {
            case "\\", "`", "*", "_", "[", "]", "|", "#": result += "\\" + String(scalar)
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\n", "\r", "\t": result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
