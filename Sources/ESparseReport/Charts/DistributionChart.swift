// Histograms drawn as outlines over one axis, to compare distributions before and after a step.

/// Shares of values in equal bins, several distributions over each other.
package struct DistributionChart: Sendable, Equatable {
    /// One distribution.
    package struct Series: Sendable, Equatable {
        /// What it is.
        package let label: String
        /// Share of the values in each bin.
        package let shares: [Double]
        /// Whether it is what the report is about.
        package let isAccent: Bool

        /// Counts values in `bins` equal bins over `range`; values beyond an end count in the bin there.
        package init(_ label: String, values: [Double], range: ClosedRange<Double>, bins: Int, isAccent: Bool) {
            precondition(bins > 0 && range.upperBound > range.lowerBound)
            var counts = [Double](repeating: 0, count: bins)
            let scale = Double(bins) / (range.upperBound - range.lowerBound)
            for value in values where value.isFinite {
                let bin = ((value - range.lowerBound) * scale).rounded(.down)
                counts[Int(min(max(bin, 0), Double(bins - 1)))] += 1
            }
            let total = counts.reduce(0, +)
            self.label = label
            shares = counts.map { total > 0 ? $0 / total : 0 }
            self.isAccent = isAccent
        }
    }

    /// What is counted.
    package let title: String
    /// What the axis shows.
    package let axis: String
    /// Ends of the axis.
    package let range: ClosedRange<Double>
    /// Distributions over the same bins, drawn in order.
    package let series: [Series]

    /// Makes a chart.
    package init(title: String, axis: String, range: ClosedRange<Double>, series: [Series]) {
        self.title = title
        self.axis = axis
        self.range = range
        self.series = series
    }

    private static let (width, height, bottom, top) = (360.0, 190.0, 150.0, 12.0)

    /// The chart as a drawing, with its key below.
    package var html: String {
        let highest = max(series.flatMap(\.shares).max() ?? 0, 1e-12)
        func number(_ value: Double) -> String { Quantity.fixed(value, decimals: 1) }
        let outlines = series.map { series in
            let step = Self.width / Double(max(series.shares.count, 1))
            let points = series.shares.enumerated().flatMap { bin, share in
                let y = number(Self.bottom - share / highest * (Self.bottom - Self.top))
                return ["\(number(Double(bin) * step)),\(y)", "\(number(Double(bin + 1) * step)),\(y)"]
            }
            let line = ["0,\(number(Self.bottom))"] + points + ["\(number(Self.width)),\(number(Self.bottom))"]
            return """
                <polyline class="\(series.isAccent ? "outline accent" : "outline plain")" points="\
                \(line.joined(separator: " "))"/>

                """
        }.joined()
        let ticks = (0...4).map { tick in
            let share = Double(tick) / 4
            let value = range.lowerBound + share * (range.upperBound - range.lowerBound)
            let anchor = tick == 0 ? "start" : tick == 4 ? "end" : "middle"
            return """
                <text x="\(number(share * Self.width))" y="\(number(Self.bottom + 16))" text-anchor="\(anchor)">\
                \(Quantity.fixed(value, decimals: 2))\(tick == 4 ? "+" : "")</text>

                """
        }.joined()
        let key = series.map { series in
            """
            <span class="key"><i class="\(series.isAccent ? "swatch accent" : "swatch plain")"></i>\
            \(HTMLText.escaped(series.label))</span>
            """
        }.joined(separator: " ")
        let label = HTMLText.escaped("\(title): \(series.map(\.label).joined(separator: " and "))")
        return """
            <div class="distribution"><h4>\(HTMLText.escaped(title))</h4>
            <svg viewBox="0 0 \(number(Self.width)) \(number(Self.height))" role="img" aria-label="\(label)">
            <line class="axis" x1="0" y1="\(number(Self.bottom))" x2="\(number(Self.width))" y2="\(number(Self.bottom))"/>
            \(outlines)\(ticks)<text x="\(number(Self.width / 2))" y="\(number(Self.bottom + 34))" text-anchor="middle">\
            \(HTMLText.escaped(axis))</text>
            </svg><p class="legend">\(key)</p></div>

            """
    }
}
