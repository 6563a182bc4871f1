// A chart of horizontal bars in groups, with reference lines: compares methods, shapes and sizes.

/// Groups of bars on one scale that starts at zero.
package struct BarChart: Sendable, Equatable {
    /// How a bar is drawn.
    package enum Tone: String, Sendable {
        /// The baseline of a comparison.
        case reference
        /// Something else that is compared.
        case plain
        /// What the report is about.
        case accent
        /// A second shade of what it is about.
        case second
    }

    /// One bar.
    package struct Bar: Sendable, Equatable {
        /// What it stands for.
        package let label: String
        /// Its length in the chart's unit; less than 0 is drawn as 0.
        package let length: Double
        /// What is written at its end.
        package let text: String
        /// How it is drawn.
        package let tone: Tone

        /// Makes a bar.
        package init(_ label: String, length: Double, text: String, tone: Tone) {
            self.label = label
            self.length = length
            self.text = text
            self.tone = tone
        }
    }

    /// Bars under a heading, with lines across all of them.
    package struct Group: Sendable, Equatable {
        /// The heading.
        package let title: String
        /// From top to bottom.
        package let bars: [Bar]
        /// Positions of dashed lines, in the chart's unit.
        package let lines: [Double]

        /// Makes a group.
        package init(_ title: String, bars: [Bar], lines: [Double] = []) {
            self.title = title
            self.bars = bars
            self.lines = lines
        }
    }

    /// From top to bottom.
    package let groups: [Group]
    /// What the dashed lines are, in words; empty where there are none.
    package let legend: String

    /// Makes a chart; groups without bars are left out.
    package init(groups: [Group], legend: String = "") {
        self.groups = groups.filter { !$0.bars.isEmpty }
        self.legend = legend
    }

    /// The unit at the right edge: the longest bar or the last line, with a little room.
    package var extent: Double {
        let ends = groups.flatMap { $0.bars.map(\.length) + $0.lines }.filter(\.isFinite)
        return max(ends.max() ?? 0, 1e-12) * 1.02
    }

    /// The chart as a part of a page.
    package var html: String {
        let extent = extent
        let groups = groups.map { group in
            let lines = group.lines.map {
                "<i class=\"line\" style=\"left:\(HTMLText.percentage($0 / extent))\"></i>"
            }.joined()
            let bars = group.bars.map { bar in
                """
                <li><span class="label">\(HTMLText.escaped(bar.label))</span><span class="track">\
                <i class="fill \(bar.tone.rawValue)" style="width:\(HTMLText.percentage(bar.length / extent))"></i>\(lines)\
                </span><span class="value">\(HTMLText.escaped(bar.text))</span></li>

                """
            }.joined()
            return "<h4>\(HTMLText.escaped(group.title))</h4>\n<ul class=\"bars\">\n\(bars)</ul>\n"
        }.joined()
        return groups + (legend.isEmpty ? "" : "<p class=\"legend\">\(HTMLText.escaped(legend))</p>\n")
    }
}
