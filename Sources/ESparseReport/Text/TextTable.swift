// A table of text for terminals and Markdown pages.

/// Rows of cells under a header; the first column is aligned left, the others right.
public struct TextTable: Sendable {
    /// Column titles.
    public let header: [String]
    /// Cells, each row as long as the header.
    public private(set) var rows: [[String]] = []

    /// Makes an empty table.
    public init(header: [String]) { self.header = header }

    /// Adds a row; missing cells are empty.
    public mutating func append(_ cells: [String]) {
        precondition(cells.count <= header.count)
        rows.append(cells + Array(repeating: "", count: header.count - cells.count))
    }

    /// The table as aligned plain text, one line a row, each line ended by a newline.
    public var plainText: String {
        render { cells in
            cells.joined(separator: "  ").trimmingTrailingSpaces
        } separator: { widths in
            widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        }
    }

    /// The table as GitHub-flavoured Markdown.
    public var markdown: String {
        render { cells in
            "| " + cells.joined(separator: " | ") + " |"
        } separator: { widths in
            "| "
                + widths.enumerated().map { column, width in
                    column == 0
                        ? String(repeating: "-", count: max(width, 3))
                        : String(repeating: "-", count: max(width - 1, 2)) + ":"
                }.joined(separator: " | ") + " |"
        }
    }

    private func render(line: ([String]) -> String, separator: ([Int]) -> String) -> String {
        let widths = header.indices.map { column in
            max(header[column].count, rows.map { $0[column].count }.max() ?? 0)
        }
        let padded = ([header] + rows).map { cells in
            zip(cells, widths).enumerated().map { column, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + padding : padding + cell.0
            }
        }
        var lines = padded.map(line)
        lines.insert(separator(widths), at: 1)
        return lines.map { $0 + "\n" }.joined()
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var result = Substring(self)
        while result.last == " " { result.removeLast() }
        return String(result)
    }
}
