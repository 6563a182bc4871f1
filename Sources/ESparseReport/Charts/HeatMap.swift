// A grid of figures shaded by size, such as decoder blocks against linears.

/// Rows and columns of figures on one scale.
package struct HeatMap: Sendable, Equatable {
    /// Headings of the columns.
    package let columns: [String]
    /// Headings of the rows.
    package let rows: [String]
    /// Figures, `[rows][columns]`; nil where there is none.
    package let values: [[Double?]]
    /// What is written in a cell.
    package let texts: [[String]]
    /// What the rows are, such as "block".
    package let corner: String

    /// Makes a grid; every row of `values` has as many figures as there are columns. `text` writes a cell's figure.
    package init(
        corner: String, columns: [String], rows: [String], values: [[Double?]], text: (Double) -> String
    ) {
        precondition(values.count == rows.count && values.allSatisfy { $0.count == columns.count })
        self.corner = corner
        self.columns = columns
        self.rows = rows
        self.values = values
        texts = values.map { $0.map { $0.map(text) ?? "" } }
    }

    /// Where a figure lies between the least and the greatest, in `[0, 1]`; 0 where all are the same.
    package func shade(_ value: Double) -> Double {
        let all = values.flatMap { $0 }.compactMap { $0 }.filter(\.isFinite)
        guard let least = all.min(), let greatest = all.max(), greatest > least, value.isFinite else { return 0 }
        return (value - least) / (greatest - least)
    }

    /// The figures as a table.
    package var table: TextTable {
        var table = TextTable(header: [corner] + columns)
        for (row, texts) in zip(rows, texts) { table.append([row] + texts) }
        return table
    }

    /// The grid as a part of a page: a table whose cells are shaded.
    package var html: String {
        let head = ([corner] + columns).map { "<th scope=\"col\">\(HTMLText.escaped($0))</th>" }.joined()
        let body = rows.indices.map { row in
            let cells = columns.indices.map { column in
                guard let value = values[row][column] else { return "<td></td>" }
                let shade = shade(value)
                return """
                    <td class="\(shade > 0.7 ? "deep" : shade > 0.5 ? "middle" : "pale")" style="--shade:\(HTMLText.percentage(shade))">\
                    \(HTMLText.escaped(texts[row][column]))</td>
                    """
            }.joined()
            return "<tr><th scope=\"row\">\(HTMLText.escaped(rows[row]))</th>\(cells)</tr>\n"
        }.joined()
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="heat map"><table class="heat">
            <thead><tr>\(head)</tr></thead>
            <tbody>
            \(body)</tbody></table></div>

            """
    }
}
