// The contents of a report, independent of how a page or a Markdown file presents them.

/// A report: an overview, then sections of paragraphs, tables and figures.
package struct ReportDocument: Sendable {
    /// The report's name.
    package var title: String
    /// Sentences below the title: what was measured on what.
    package var introduction: [String]
    /// The most important figures.
    package var headlines: [Headline]
    /// Everything else, in order.
    package var sections: [ReportSection]
    /// Small print at the end.
    package var closing: String

    /// Makes a report.
    package init(
        title: String, introduction: [String], headlines: [Headline], sections: [ReportSection], closing: String
    ) {
        self.title = title
        self.introduction = introduction
        self.headlines = headlines
        self.sections = sections
        self.closing = closing
    }
}

/// One figure in large print with a sentence in plain words.
package struct Headline: Sendable, Equatable {
    /// Whether the figure speaks for the report's subject.
    package enum Verdict: String, Sendable {
        /// It does.
        case better
        /// It speaks against it.
        case worse
        /// Neither.
        case neutral
    }

    /// The figure, such as "-32%".
    package let figure: String
    /// What it is.
    package let sentence: String
    /// What it says.
    package let verdict: Verdict

    /// Makes a headline.
    package init(_ figure: String, _ sentence: String, _ verdict: Verdict) {
        self.figure = figure
        self.sentence = sentence
        self.verdict = verdict
    }
}

/// A part of a report under its own heading.
package struct ReportSection: Sendable {
    /// Unique in the report: letters, digits and hyphens.
    package let id: String
    /// The heading.
    package let title: String
    /// Its contents, in order.
    package let blocks: [ReportBlock]

    /// Makes a section.
    package init(id: String, title: String, blocks: [ReportBlock]) {
        self.id = id
        self.title = title
        self.blocks = blocks
    }
}

/// A piece of a section.
package enum ReportBlock: Sendable {
    /// Sentences.
    case paragraph(String)
    /// A chart, a table, or a chart with the same figures as a table.
    case figure(ReportFigure)
}

/// A chart or table with the commands that measured it.
package struct ReportFigure: Sendable {
    /// Unique in the report: letters, digits and hyphens.
    package let id: String
    /// What is shown.
    package let title: String
    /// How to read it.
    package let caption: String
    /// The picture, where there is one.
    package let chart: ReportChart?
    /// The figures; on a page they fold behind the picture.
    package let table: TextTable
    /// The command lines that measured them, each with what it is for.
    package let commands: [ReportCommand]

    /// Makes a figure.
    package init(
        id: String, title: String, caption: String, chart: ReportChart? = nil, table: TextTable,
        commands: [ReportCommand]
    ) {
        self.id = id
        self.title = title
        self.caption = caption
        self.chart = chart
        self.table = table
        self.commands = commands
    }
}

/// A command line with what it was run for.
package struct ReportCommand: Sendable, Equatable {
    /// What it was run for.
    package let purpose: String
    /// The line as one would type it.
    package let line: String

    /// Makes a command.
    package init(purpose: String, line: String) {
        self.purpose = purpose
        self.line = line
    }
}

/// The kinds of pictures.
package enum ReportChart: Sendable {
    /// Horizontal bars in groups.
    case bars(BarChart)
    /// A grid of shaded figures.
    case heatMap(HeatMap)
    /// Outlines of histograms over one axis, one picture beside the other.
    case distributions([DistributionChart])
}
